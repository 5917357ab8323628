import { expect, test } from "@jest/globals";
import { untilAborted } from "../../../src/platform/time/until-aborted.ts";

test("returns the result when the work is done before the abort", async () => {
  const { signal } = new AbortController();
  expect(await untilAborted("value", undefined)).toBe("value");
  expect(await untilAborted(Promise.resolve("value"), signal)).toBe("value");
  await expect(untilAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
});

test("returns when the signal aborts and the work never ends", async () => {
  const controller = new AbortController();
  const wait = untilAborted(new Promise(() => {}), controller.signal);
  controller.abort();
  expect(await wait).toBeUndefined();
  expect(await untilAborted(new Promise(() => {}), AbortSignal.abort())).toBeUndefined();
});

test("ignores a failure after the abort", async () => {
  const controller = new AbortController();
  const work = Promise.withResolvers<string>();
  const wait = untilAborted(work.promise, controller.signal);
  controller.abort();
  work.reject(new Error("too late"));
  expect(await wait).toBeUndefined();
});
