import { expect, test } from "@jest/globals";
import type { CursorResume } from "../../../src/domain/resume.ts";
import { EventCursor } from "../../../src/engine/watch/event-cursor.ts";
import { engineEvent } from "../../support/engine-facts.ts";

const SECOND = 1_000_000_000n;

function begunAt(nowNs: bigint): EventCursor {
  const cursor = new EventCursor();
  cursor.begin(nowNs);
  return cursor;
}

function restored(resume: CursorResume): EventCursor {
  const cursor = new EventCursor();
  cursor.restore(resume);
  return cursor;
}

function resumeOf(cursor: EventCursor): CursorResume {
  cursor.listed();
  const resume = cursor.resume();
  if (resume === undefined) throw new Error("the cursor has no resume point");
  return resume;
}

test("resumes a second before the newest event, but not before its beginning", () => {
  const cursor = begunAt(100n);
  expect(cursor.sinceNs).toBe(100n);
  for (const timeNs of [50n, 200n, 150n]) {
    expect(cursor.advance(engineEvent("start", "web", { timeNs }))).toBe(true);
  }
  expect(cursor.lastNs).toBe(200n);
  expect(cursor.sinceNs).toBe(100n);
  cursor.advance(engineEvent("start", "web", { timeNs: 9n * SECOND }));
  cursor.advance(engineEvent("start", "web", { timeNs: 8n * SECOND }));
  expect(cursor.sinceNs).toBe(8n * SECOND);
});

test("restores the position and the seen events in the next process", () => {
  const cursor = begunAt(0n);
  const at = (timeNs: bigint) => engineEvent("health_status: healthy", "web", { timeNs });
  for (let i = 1n; i <= 1_000n; i++) cursor.advance(at(i * SECOND));

  const resume = resumeOf(cursor);
  expect(resume).toMatchObject({ lastNs: 1_000n * SECOND, count: 1_000 });
  expect(resume.seen).toHaveLength(300);
  const next = restored(structuredClone(resume));
  expect(next.sinceNs).toBe(999n * SECOND);
  const young = restored(resumeOf(begunAt(7n * SECOND)));
  expect(young.sinceNs).toBe(7n * SECOND);
  for (let i = 701n; i <= 1_000n; i++) expect(next.advance(at(i * SECOND))).toBe(false);
  expect(next.advance(at(1_001n * SECOND))).toBe(true);
  expect(resumeOf(next)).toMatchObject({ lastNs: 1_001n * SECOND, count: 1_001 });
});

test("resumes from the oldest seen event when the newest one is ahead", () => {
  const young = begunAt(5n * SECOND);
  for (const at of [90n, 91n]) {
    young.advance(engineEvent("start", "web", { timeNs: at * SECOND }));
  }
  expect(young.sinceAt(91n * SECOND)).toBe(90n * SECOND);
  expect(young.sinceAt(91n * SECOND - 1n)).toBe(5n * SECOND);

  const old = begunAt(0n);
  for (let at = 1n; at <= 1_000n; at++) {
    old.advance(engineEvent("start", "web", { timeNs: at * SECOND }));
  }
  const next = restored(resumeOf(old));
  expect(next.sinceAt(1_000n * SECOND)).toBe(999n * SECOND);
  expect(next.sinceAt(800n * SECOND)).toBe(701n * SECOND);
});

test("moves back when the clock was set back", () => {
  const cursor = begunAt(5n * SECOND);
  cursor.setBack(9n * SECOND);
  expect(cursor.lastNs).toBe(5n * SECOND);
  cursor.setBack(3n * SECOND);
  expect([cursor.lastNs, cursor.sinceNs]).toEqual([3n * SECOND, 3n * SECOND]);
});

test("accepts an event once by its time, container and action", () => {
  const cursor = begunAt(0n);
  const event = engineEvent("start", "web", { timeNs: 7n });
  expect(cursor.advance(event)).toBe(true);
  expect(cursor.advance({ ...event, attributes: new Map() })).toBe(false);
  expect(cursor.advance({ ...event, timeNs: 8n })).toBe(true);
  expect(cursor.advance({ ...event, id: "other" })).toBe(true);
  expect(cursor.advance({ ...event, action: "die" })).toBe(true);
  expect(cursor.advance(event)).toBe(false);
});

test("keeps more events than the engine replays, and drops the oldest past its bound", () => {
  const cursor = begunAt(0n);
  const at = (timeNs: bigint): boolean => cursor.advance(engineEvent("start", "web", { timeNs }));
  for (let timeNs = 0n; timeNs < 1_024n; timeNs++) at(timeNs);
  for (let timeNs = 0n; timeNs < 1_024n; timeNs++) expect(at(timeNs)).toBe(false);
  at(1_024n);
  expect(at(1n)).toBe(false);
  expect(at(0n)).toBe(true);
});

test("treats events before the first seen one as old when all seen ones are ahead", () => {
  const DAY = 86_400n * SECOND;
  const at = (timeNs: bigint) => engineEvent("die", "web", { timeNs });
  const before = begunAt(5n * DAY);
  before.advance(at(5n * DAY + 1n));
  before.advance(at(5n * DAY + 2n));
  const nowNs = 4n * DAY;
  const kept = [4n * DAY - 7n, 5n * DAY + 1n, 5n * DAY + 2n, 4n * DAY - 8n].map(at);
  const cursor = restored(resumeOf(before));
  expect(cursor.sinceAt(nowNs)).toBe(3n * DAY);
  expect(kept.map((event) => cursor.advance(event))).toEqual([false, false, false, true]);
  // Another stream starts as early.
  cursor.sinceAt(nowNs);
  expect(kept.map((event) => cursor.advance(event))).toEqual([false, false, false, false]);
  expect(cursor.advance(at(4n * DAY - 6n))).toBe(true);

  const rotated = restored(resumeOf(before));
  rotated.sinceAt(nowNs);
  expect(rotated.advance(at(nowNs))).toBe(false);
  expect(rotated.advance(at(nowNs + 1n))).toBe(true);
  expect(restored(resumeOf(before)).sinceAt(1n)).toBe(0n);
});
