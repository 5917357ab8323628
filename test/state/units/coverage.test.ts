import { expect, test } from "@jest/globals";
import { Coverage } from "../../../src/state/units/coverage.ts";

const SECOND = 1_000_000_000n;

test("the first stream of all has no gap before it", () => {
  const coverage = new Coverage();
  expect(coverage.attached(100n * SECOND)).toBeUndefined();
  expect(coverage.baselineNs).toBe(100n * SECOND);
});

test("the next stream's gap begins a second before what was counted last", () => {
  const coverage = new Coverage();
  coverage.attached(100n * SECOND);
  coverage.reached(110n * SECOND);
  coverage.reached(105n * SECOND);
  expect(coverage.attached(200n * SECOND)).toBe(109n * SECOND);
  expect(coverage.attached(300n * SECOND)).toBe(109n * SECOND);
});

test("no gap begins before counting did", () => {
  const coverage = new Coverage();
  coverage.attached(100n * SECOND);
  expect(coverage.attached(200n * SECOND)).toBe(100n * SECOND);
  coverage.reached(100n * SECOND + 1n);
  expect(coverage.attached(300n * SECOND)).toBe(100n * SECOND);
});

test("what is to be counted before a stream stands is the first stream's gap", () => {
  const coverage = new Coverage();
  coverage.from(50n * SECOND);
  coverage.from(70n * SECOND);
  expect(coverage.attached(100n * SECOND)).toBe(50n * SECOND);
  expect(coverage.baselineNs).toBe(50n * SECOND);
  coverage.from(20n * SECOND);
  expect(coverage.attached(110n * SECOND)).toBe(50n * SECOND);
});

test("what happens from an attach on is under watch", () => {
  const coverage = new Coverage();
  coverage.attached(100n);
  expect([99n, 100n, 101n].map((timeNs) => coverage.isUnderWatch(timeNs))).toEqual([
    false,
    true,
    true,
  ]);
  coverage.attached(200n);
  expect(coverage.isUnderWatch(150n)).toBe(false);
});
