import { expect, test } from "@jest/globals";
import { JournalCursor } from "../../../src/state/units/journal-cursor.ts";

const SECOND = 1_000_000_000n;

test("returns no gap when the first stream is attached", () => {
  const journalCursor = new JournalCursor();
  expect(journalCursor.attached(100n * SECOND)).toBeUndefined();
  expect(journalCursor.baselineNs).toBe(100n * SECOND);
});

test("begins the gap a second before the last counted change when another stream is attached", () => {
  const journalCursor = new JournalCursor();
  journalCursor.attached(100n * SECOND);
  journalCursor.reached(110n * SECOND);
  journalCursor.reached(105n * SECOND);
  expect(journalCursor.attached(200n * SECOND)).toBe(109n * SECOND);
  expect(journalCursor.attached(300n * SECOND)).toBe(109n * SECOND);
});

test("begins no gap before counting began", () => {
  const journalCursor = new JournalCursor();
  journalCursor.attached(100n * SECOND);
  expect(journalCursor.attached(200n * SECOND)).toBe(100n * SECOND);
  journalCursor.reached(100n * SECOND + 1n);
  expect(journalCursor.attached(300n * SECOND)).toBe(100n * SECOND);
});

test("returns a gap for the first stream when counting began before it", () => {
  const journalCursor = new JournalCursor();
  journalCursor.from(50n * SECOND);
  journalCursor.from(70n * SECOND);
  expect(journalCursor.attached(100n * SECOND)).toBe(50n * SECOND);
  expect(journalCursor.baselineNs).toBe(50n * SECOND);
  journalCursor.from(20n * SECOND);
  expect(journalCursor.attached(110n * SECOND)).toBe(50n * SECOND);
});

test("puts under watch what happens after the newest attach", () => {
  const journalCursor = new JournalCursor();
  journalCursor.attached(100n);
  expect([99n, 100n, 101n].map((timeNs) => timeNs >= journalCursor.attachedAtNs)).toEqual([
    false,
    true,
    true,
  ]);
  journalCursor.attached(200n);
  expect(150n >= journalCursor.attachedAtNs).toBe(false);
});
