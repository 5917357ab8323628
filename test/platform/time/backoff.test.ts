import { expect, test } from "@jest/globals";
import { Backoff, STREAM_BACKOFF } from "../../../src/platform/time/backoff.ts";

function waits(random: () => number, count: number): number[] {
  const backoff = new Backoff(STREAM_BACKOFF, random);
  return Array.from({ length: count }, () => backoff.next());
}

test("waits double from 250 ms to 30 s, with the longest jitter", () => {
  expect(waits(() => 1, 10)).toEqual([
    250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

test("the shortest jitter takes off half, but never goes below the bound", () => {
  expect(waits(() => 0, 10)).toEqual([
    250, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
  ]);
});

test("jitter spreads over the half evenly", () => {
  expect(waits(() => 0.5, 4)).toEqual([250, 375, 750, 1_500]);
});

test("without a random of one's own it keeps its bounds", () => {
  const backoff = new Backoff({ initialMs: 10, maxMs: 40 });
  for (let turn = 0; turn < 100; turn++) {
    const ms = backoff.next();
    expect(ms).toBeGreaterThanOrEqual(turn < 2 ? 10 : 20);
    expect(ms).toBeLessThanOrEqual(40);
  }
});

test("after a success it begins with the shortest again", () => {
  const backoff = new Backoff(STREAM_BACKOFF, () => 1);
  for (let turn = 0; turn < 5; turn++) backoff.next();
  backoff.reset();
  expect([backoff.next(), backoff.next()]).toEqual([250, 500]);
});

test("after a success waits stay short for a while, and then grow to their bound", () => {
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
