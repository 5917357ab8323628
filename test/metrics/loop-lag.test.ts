import { expect, test } from "@jest/globals";
import { LoopLag } from "../../src/metrics/loop-lag.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Clock whose timers run late by the next of these numbers of ms. */
class LateClock extends FakeClock {
  readonly #lates: number[];

  constructor(lates: readonly number[]) {
    super();
    this.#lates = [...lates];
  }

  override setTimeout(run: () => void, delayMs: number): Disposable {
    return super.setTimeout(run, delayMs + (this.#lates.shift() ?? 0));
  }
}

const NONE = { min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 };

test("reports how late its timers were since the last report", async () => {
  const clock = new LateClock([0, 30, 60]);
  using lag = new LoopLag(clock);
  lag.working();
  await clock.advance(50 + 80 + 110);
  const { min, max, mean, p50 } = lag.take();
  expect([min, max, mean, p50].map((seconds) => Math.round(seconds * 1_000))).toEqual([
    0, 60, 30, 30,
  ]);
  expect(lag.take()).toEqual(NONE);
});

test("has no timer while there is no work", async () => {
  const clock = new FakeClock();
  using lag = new LoopLag(clock);
  expect(clock.pendingTimers).toBe(0);
  lag.working();
  lag.working();
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(450);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(50);
  expect(clock.pendingTimers).toBe(0);
  lag.working();
  expect(clock.pendingTimers).toBe(1);
});

test("has no timer once it is disposed", () => {
  const clock = new FakeClock();
  const lag = new LoopLag(clock);
  lag.working();
  lag[Symbol.dispose]();
  lag.working();
  expect(clock.pendingTimers).toBe(0);
});
