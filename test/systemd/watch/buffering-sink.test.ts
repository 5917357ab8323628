import { expect, test } from "@jest/globals";
import { BufferingSink } from "../../../src/systemd/watch/buffering-sink.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";
import { failure, serviceSignal, unitSignal } from "../../support/systemd/recorded-state.ts";

function held() {
  const next = new RecordedSink();
  const abort = new AbortController();
  let overflows = 0;
  const sink = new BufferingSink({
    take: next.take,
    signal: abort.signal,
    overflow: () => {
      overflows += 1;
    },
  });
  return { sink, next, abort, overflows: () => overflows };
}

const ROW = { name: "b.service", activeState: "active", subState: "running" } as const;

/** One of each that may come at any time. */
function tellAll(sink: BufferingSink): void {
  sink.take(serviceSignal(1n));
  sink.take(unitSignal("active/running", 1n));
  sink.take({ kind: "loaded", rows: [ROW] });
  sink.take({ kind: "removed", unit: "c.service", timeNs: 2n });
  sink.take({ kind: "manager", version: "252", timeNs: 3n });
}

const ALL = [
  "service a.service success 0",
  "unit a.service active/running",
  "loaded 1",
  "removed c.service",
  "manager 252 undefined",
];

test("without a gap to close, everything is passed on at once", () => {
  const { sink, next } = held();
  tellAll(sink);
  expect(next.history).toEqual(ALL);
});

test("what comes while the journal is read follows what the journal tells, in order", () => {
  const { sink, next } = held();
  next.sinceNs = 7n;
  expect(sink.take({ kind: "attached", transport: "dbus", atNs: 9n })?.journalSinceNs).toBe(7n);
  tellAll(sink);
  sink.take(unitSignal("failed/failed", 4n));
  expect(next.history).toEqual(["attached dbus"]);
  sink.take({ kind: "recovered", entries: [failure(1n)] });
  const told = ["attached dbus", "recovered 1", ...ALL, "unit a.service failed/failed"];
  expect(next.history).toEqual(told);
  sink.take(unitSignal("active/running", 5n));
  expect(next.history).toEqual([...told, "unit a.service active/running"]);
});

test("a source may use its signals again: what is held is a copy", () => {
  const { sink, next } = held();
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  const unit = { ...unitSignal("active/running", 1n) };
  const service = { ...serviceSignal(1n, { restarts: 1 }) };
  sink.take(unit);
  sink.take(service);
  Object.assign(unit, unitSignal("failed/failed", 2n), { unit: "b.service" });
  service.restarts = 2;
  sink.take({ kind: "recovered", entries: [] });
  expect(next.units).toEqual([unitSignal("active/running", 1n)]);
  expect(next.services).toEqual([serviceSignal(1n, { restarts: 1 })]);
});

test("a listing and start times are passed on at any time, and their answers back", () => {
  const { sink, next } = held();
  next.wanted = ["b.service"];
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  expect(sink.take({ kind: "listed", rows: [ROW], asOfNs: 2n })?.startTimesOf).toEqual([
    "b.service",
  ]);
  sink.take({ kind: "start-time", unit: "b.service", timeNs: 3n });
  sink.take({ kind: "parse-error" });
  expect(next.history).toEqual([
    "attached dbus",
    "listed 1",
    "start time b.service",
    "parse error",
  ]);
});

test("a journal that can't be read lets go of what is held as well", () => {
  const { sink, next } = held();
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  sink.take({ kind: "removed", unit: "a.service", timeNs: 2n });
  sink.take({ kind: "recovered", entries: undefined });
  expect(next.history).toEqual(["attached dbus", "recovered nothing", "removed a.service"]);
});

test("attached again while the journal is read, it holds on until the last of them is done", () => {
  const { sink, next } = held();
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  sink.take({ kind: "removed", unit: "a.service", timeNs: 2n });
  sink.take({ kind: "attached", transport: "dbus", atNs: 3n });
  sink.take({ kind: "removed", unit: "b.service", timeNs: 4n });
  sink.take({ kind: "recovered", entries: [] });
  sink.take({ kind: "removed", unit: "c.service", timeNs: 5n });
  sink.take({ kind: "recovered", entries: [] });
  expect(next.history).toEqual([
    "attached dbus",
    "attached dbus",
    "recovered 0",
    "recovered 0",
    "removed a.service",
    "removed b.service",
    "removed c.service",
  ]);
});

test("more than can be held is told, and not held", () => {
  const { sink, next, abort, overflows } = held();
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  for (let i = 0; i < 50_000; i += 1) sink.take(unitSignal("active/running", 1n));
  expect(overflows()).toBe(0);
  sink.take(unitSignal("active/running", 1n));
  expect(overflows()).toBe(1);
  abort.abort();
  sink.take(unitSignal("active/running", 1n));
  sink.take({ kind: "recovered", entries: [] });
  expect(overflows()).toBe(1);
  expect(next.history).toEqual(["attached dbus"]);
});

test("after the abort nothing is passed on, held or not", () => {
  for (const isHeld of [true, false]) {
    const { sink, next, abort } = held();
    next.sinceNs = 7n;
    next.wanted = ["b.service"];
    if (isHeld) sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
    if (isHeld) tellAll(sink);
    abort.abort();
    next.history.splice(0);
    tellAll(sink);
    sink.take({ kind: "recovered", entries: [failure(1n)] });
    tellAll(sink);
    sink.take({ kind: "start-time", unit: "b.service", timeNs: 3n });
    expect(sink.take({ kind: "listed", rows: [ROW], asOfNs: 2n })?.startTimesOf ?? []).toEqual([]);
    expect(
      sink.take({ kind: "attached", transport: "busctl", atNs: 4n })?.journalSinceNs,
    ).toBeUndefined();
    expect(next.history).toEqual([]);
  }
});
