import { expect, test } from "@jest/globals";
import { atMost } from "../../../src/platform/time/at-most.ts";
import { FakeClock } from "../../support/fake-clock.ts";

test("resolves when the work is done, and leaves no timer", async () => {
  const clock = new FakeClock();
  await atMost(1_000, clock, Promise.resolve());
  expect(clock.pendingTimers).toBe(0);
});

test("resolves at the limit when the work isn't done", async () => {
  const clock = new FakeClock();
  let isOver = false;
  const over = (async () => {
    await atMost(1_000, clock, new Promise(() => {}));
    isOver = true;
  })();
  await clock.advance(999);
  expect(isOver).toBe(false);
  await clock.advance(1);
  await over;
  expect(isOver).toBe(true);
});

test("rejects with the error of the work", async () => {
  await expect(atMost(1_000, new FakeClock(), Promise.reject(new Error("x")))).rejects.toThrow("x");
});
