import { expect, test } from "@jest/globals";
import { Backoff, STREAM_BACKOFF } from "../../../src/platform/time/backoff.ts";

function waits(random: () => number, count: number): number[] {
  const backoff = new Backoff(STREAM_BACKOFF, random);
  return Array.from({ length: count }, () => backoff.next());
}

test("doubles waits from 250 ms to 30 s with the longest jitter", () => {
  expect(waits(() => 1, 10)).toEqual([
    250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

test("halves waits with the shortest jitter, but not below the bound", () => {
  expect(waits(() => 0, 10)).toEqual([
    250, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
  ]);
});

test("spreads jitter evenly over the half", () => {
  expect(waits(() => 0.5, 4)).toEqual([250, 375, 750, 1_500]);
});

test("keeps its bounds with the default random", () => {
  const backoff = new Backoff({ initialMs: 10, maxMs: 40 });
  for (let turn = 0; turn < 100; turn++) {
    const ms = backoff.next();
    expect(ms).toBeGreaterThanOrEqual(turn < 2 ? 10 : 20);
    expect(ms).toBeLessThanOrEqual(40);
  }
});

test("begins with the shortest wait after a success", () => {
  const backoff = new Backoff(STREAM_BACKOFF, () => 1);
  for (let turn = 0; turn < 5; turn++) backoff.next();
  backoff.reset();
  expect([backoff.next(), backoff.next()]).toEqual([250, 500]);
});

test("keeps waits short for a while after a success, then grows them to the bound", () => {
  const backoff = new Backoff(
    { initialMs: 250, maxMs: 30_000, patience: { maxMs: 1_000, forMs: 4_000 } },
    () => 1,
  );
  backoff.reset();
  const waits = Array.from({ length: 12 }, () => backoff.next());
  expect(waits).toEqual([
    250, 500, 1_000, 1_000, 1_000, 1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000,
  ]);
  backoff.reset();
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([
    250, 500, 1_000, 1_000,
  ]);
});
