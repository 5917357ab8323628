import { expect, test } from "@jest/globals";
import { RECENT_MS } from "../../../src/domain/recent.ts";
import {
  MAX_GROUPS,
  MAX_STORED_GROUPS,
  RecentEvents,
} from "../../../src/state/units/recent-events.ts";

const START_NS = 1_767_225_600_000_000_000n;
/** Nanoseconds of a moment: seconds since the start. */
const at = (seconds: number): bigint => START_NS + BigInt(Math.round(seconds * 1e9));
const WINDOW = RECENT_MS / 1_000;

function eventsAt(...seconds: readonly number[]): RecentEvents {
  const events = new RecentEvents();
  for (const each of seconds) events.add(at(each), at(each));
  return events;
}

test("counts what happened in the window, and when", () => {
  const events = eventsAt(0, 60, 61.5);
  expect(events.within(at(100))).toEqual({ count: 3, firstNs: at(0), lastNs: at(61.5) });
  expect(events.within(at(WINDOW - 0.001))).toMatchObject({ count: 3 });
  expect(events.within(at(WINDOW))).toEqual({ count: 2, firstNs: at(60), lastNs: at(61.5) });
  expect(events.within(at(WINDOW + 61.499))).toMatchObject({ count: 1 });
  expect(events.within(at(WINDOW + 61.5))).toBeUndefined();
});

test("has nothing before the first event, and again after the last one expired", () => {
  const events = eventsAt();
  expect(events.within(at(0))).toBeUndefined();
  events.add(at(0), at(0));
  expect(events.within(at(WINDOW + 1))).toBeUndefined();
  events.add(at(WINDOW + 2), at(WINDOW + 2), 5);
  expect(events.within(at(WINDOW + 3))).toMatchObject({ count: 5 });
});

test("puts an event that was missed in its place", () => {
  const events = eventsAt(100, 50, 75);
  expect(events.within(at(100))).toEqual({ count: 3, firstNs: at(50), lastNs: at(100) });
  expect(events.within(at(WINDOW + 50))).toMatchObject({ count: 2, firstNs: at(75) });
});

test("counts no event that is older than the window when it becomes known", () => {
  const events = eventsAt(0);
  expect(events.within(at(WINDOW))).toBeUndefined();
});

test("stays bounded in a loop, and counts what is within a minute of the window", () => {
  const events = new RecentEvents();
  for (let second = 0; second < 4 * WINDOW; second += 0.5) {
    events.add(at(second), at(second));
  }
  const { count = 0, firstNs = 0n } = events.within(at(4 * WINDOW)) ?? {};
  expect(count).toBeGreaterThanOrEqual(2 * WINDOW - 1);
  expect(count).toBeLessThanOrEqual(2 * (WINDOW + 60));
  expect(firstNs).toBeGreaterThanOrEqual(at(3 * WINDOW - 60));
  expect(events.within(at(5 * WINDOW))).toBeUndefined();
});

test("counts each of as many events as it keeps", () => {
  const events = new RecentEvents();
  for (let second = 0; second < MAX_GROUPS; second += 1) {
    events.add(at(second), at(second));
  }
  for (let gone = 0; gone < MAX_GROUPS; gone += 1) {
    expect(events.within(at(WINDOW + gone - 0.5))?.count).toBe(MAX_GROUPS - gone);
  }
});

test("forgets no sooner and no later when the clock is set back", () => {
  const events = eventsAt(3600);
  expect(events.within(at(0))).toEqual({ count: 1, firstNs: at(0), lastNs: at(0) });
  expect(events.within(at(WINDOW - 1))).toMatchObject({ count: 1 });
  expect(events.within(at(WINDOW))).toBeUndefined();
});

test("expires no event when the time of another one is ahead", () => {
  const events = eventsAt(0, 1);
  events.add(at(86_400), at(2));
  events.add(at(3), at(3), 2);
  expect(events.within(at(3))).toEqual({ count: 5, firstNs: at(0), lastNs: at(3) });
  expect(events.within(at(WINDOW + 1.5))).toEqual({ count: 3, firstNs: at(2), lastNs: at(3) });
  expect(events.within(at(WINDOW + 3))).toBeUndefined();
});

test("counts no event whose time is older than the window", () => {
  const events = eventsAt(WINDOW);
  events.add(at(-1), at(WINDOW));
  expect(events.within(at(WINDOW))).toMatchObject({ count: 1 });
});

test.each([2 ** 32 - 1, 2 ** 40])("counts %d events of one moment", (count) => {
  const events = new RecentEvents();
  events.add(at(0), at(0), count);
  expect(events.within(at(1))?.count).toBe(count);
});

test("adds the events of another one in their order", () => {
  const events = eventsAt(10, 30);
  events.addAll(eventsAt(20, 40));
  events.addAll(eventsAt());
  expect(events.within(at(50))).toEqual({ count: 4, firstNs: at(10), lastNs: at(40) });
  expect(events.within(at(WINDOW + 15))).toMatchObject({ count: 3, firstNs: at(20) });
});

test("goes on from what an earlier process stored", () => {
  const before = eventsAt(0, 60, 61);
  const events = new RecentEvents();
  events.restore(before.stored(at(WINDOW)), at(WINDOW));
  events.add(at(WINDOW), at(WINDOW));
  expect(events.within(at(WINDOW))).toEqual({ count: 3, firstNs: at(60), lastNs: at(WINDOW) });
  expect(events.within(at(WINDOW + 60))).toMatchObject({ count: 2, firstNs: at(61) });
  expect(eventsAt(0).stored(at(WINDOW))).toEqual([]);
});

test("stores few groups, and restores no time that is ahead of the clock", () => {
  const before = new RecentEvents();
  for (let second = 0; second < WINDOW; second += 1) before.add(at(second), at(second));
  const stored = before.stored(at(WINDOW - 1));
  expect(stored).toHaveLength(3 * MAX_STORED_GROUPS);
  const events = new RecentEvents();
  // The clock was set back.
  events.restore(stored, at(1));
  expect(events.within(at(1))).toMatchObject({ count: WINDOW, lastNs: at(1) });
  expect(events.within(at(WINDOW + 1))).toBeUndefined();
});
