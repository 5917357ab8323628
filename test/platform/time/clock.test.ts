import { expect, test } from "@jest/globals";
import { systemClock } from "../../../src/platform/time/clock.ts";
import { FakeClock } from "../../support/fake-clock.ts";

test("returns nanoseconds of the millisecond that Date returns", () => {
  const beforeMs = Date.now();
  const ns = systemClock.nowNs();
  const afterMs = Date.now();
  expect(ns / 1_000_000n).toBeGreaterThanOrEqual(BigInt(beforeMs));
  expect(ns / 1_000_000n).toBeLessThanOrEqual(BigInt(afterMs));
});

test("never goes back in monotonic time", () => {
  const first = systemClock.monotonicMs();
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
});

test("runs a timer later, and a disposed one never", async () => {
  const order: string[] = [];
  const disposed = systemClock.setTimeout(() => order.push("disposed"), 0);
  disposed[Symbol.dispose]();
  await new Promise<void>((resolve) => {
    systemClock.setTimeout(() => {
      order.push("timer");
      resolve();
    }, 0);
    order.push("call");
  });
  expect(order).toEqual(["call", "timer"]);
});

test("doesn't run at once when the delay is too long for a timer", async () => {
  let ran = false;
  using _timer = systemClock.setTimeout(() => {
    ran = true;
  }, 2 ** 40);
  await systemClock.sleep(0);
  await systemClock.sleep(0);
  expect(ran).toBe(false);
});

test.each([
  ["system", systemClock],
  ["fake", new FakeClock()],
])("%s: sleep ends with the signal's own reason", async (_name, clock) => {
  const reason = new Error("stop");
  await expect(clock.sleep(1e9, AbortSignal.abort(reason))).rejects.toBe(reason);
  const controller = new AbortController();
  const sleeping = clock.sleep(1e9, controller.signal);
  controller.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
});

test("runs timers of the fake clock in order, including those that they start", async () => {
  const clock = new FakeClock();
  const order: string[] = [];
  clock.setTimeout(() => order.push(`b@${clock.monotonicMs()}`), 20);
  clock.setTimeout(() => order.push(`a@${clock.monotonicMs()}`), 10);
  const loop = (async () => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(15);
      order.push(`s@${clock.monotonicMs()}`);
    }
  })();
  expect(clock.nextTimerMs).toBe(10);
  await clock.advance(44);
  expect(order).toEqual(["a@10", "s@15", "b@20", "s@30"]);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(1);
  await loop;
  expect(clock.pendingTimers).toBe(0);
});
