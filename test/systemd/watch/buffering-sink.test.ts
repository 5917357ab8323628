import { expect, test } from "@jest/globals";
import type { SystemdMessage } from "../../../src/domain/systemd.ts";
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
function sendAll(sink: BufferingSink): void {
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

test("passes everything on at once when no gap is open", () => {
  const { sink, next } = held();
  sendAll(sink);
  expect(next.history).toEqual(ALL);
});

test("passes messages on after the journal's entries when they come during its reading", () => {
  const { sink, next } = held();
  next.sinceNs = 7n;
  expect(sink.take({ kind: "attached", transport: "dbus", atNs: 9n })?.journalSinceNs).toBe(7n);
  sendAll(sink);
  sink.take(unitSignal("failed/failed", 4n));
  expect(next.history).toEqual(["attached dbus"]);
  sink.take({ kind: "recovered", entries: [failure(1n)] });
  const lines = ["attached dbus", "recovered 1", ...ALL, "unit a.service failed/failed"];
  expect(next.history).toEqual(lines);
  sink.take(unitSignal("active/running", 5n));
  expect(next.history).toEqual([...lines, "unit a.service active/running"]);
});

test("buffers copies, since a source uses its objects again", () => {
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

test("passes listings and start times on at any time, and returns the replies", () => {
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

test("passes buffered messages on when the journal is unavailable", () => {
  const { sink, next } = held();
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  sink.take({ kind: "removed", unit: "a.service", timeNs: 2n });
  sink.take({ kind: "recovered", entries: undefined });
  expect(next.history).toEqual(["attached dbus", "recovered nothing", "removed a.service"]);
});

test("buffers until the last journal is read when it is attached again", () => {
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

test("reports an overflow, and buffers no more", () => {
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

const evidenceOf = (unit: string): SystemdMessage => ({
  ...serviceSignal(1n),
  ...unitSignal("active/running", 1n),
  kind: "evidence",
  isAfterSignals: false,
  unit,
  policy: "always",
  restartDelayNs: 0n,
  mainExitNs: 0n,
  inactiveExitNs: 0n,
  hasJob: false,
  mainStartNs: 1n,
  isUnlogged: false,
});

test("drops the signals of each unit that came before its evidence, and no others", () => {
  const { sink, next } = held();
  const signalOf = (unit: string) => ({ ...unitSignal("active/running", 1n), unit });
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  for (const unit of ["a.service", "b.service", "c.service"]) sink.take(signalOf(unit));
  sink.take({ kind: "removed", unit: "a.service", timeNs: 2n });
  sink.take(evidenceOf("a.service"));
  sink.take(signalOf("b.service"));
  sink.take(signalOf("a.service"));
  sink.take(evidenceOf("b.service"));
  next.history.splice(0);
  sink.take({ kind: "recovered", entries: undefined });
  expect(next.history).toEqual([
    "recovered nothing",
    "unit c.service active/running",
    "removed a.service",
    "unit a.service active/running",
  ]);
  // Evidence holds for one gap.
  sink.take({ kind: "attached", transport: "dbus", atNs: 3n });
  sink.take(signalOf("b.service"));
  sink.take({ kind: "recovered", entries: [] });
  expect(next.history.at(-1)).toBe("unit b.service active/running");
});

test("counts no dropped signal against its bound", () => {
  const { sink, overflows } = held();
  sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
  for (let i = 0; i < 50_000; i += 1) sink.take(unitSignal("active/running", 1n));
  sink.take(evidenceOf("a.service"));
  for (let i = 0; i < 50_000; i += 1) sink.take(unitSignal("active/running", 1n));
  expect(overflows()).toBe(0);
  sink.take(unitSignal("active/running", 1n));
  expect(overflows()).toBe(1);
});

test("passes nothing on after the abort", () => {
  for (const isHeld of [true, false]) {
    const { sink, next, abort } = held();
    next.sinceNs = 7n;
    next.wanted = ["b.service"];
    if (isHeld) sink.take({ kind: "attached", transport: "dbus", atNs: 1n });
    if (isHeld) sendAll(sink);
    abort.abort();
    next.history.splice(0);
    sendAll(sink);
    sink.take({ kind: "recovered", entries: [failure(1n)] });
    sendAll(sink);
    sink.take({ kind: "start-time", unit: "b.service", timeNs: 3n });
    expect(sink.take({ kind: "listed", rows: [ROW], asOfNs: 2n })?.startTimesOf ?? []).toEqual([]);
    expect(
      sink.take({ kind: "attached", transport: "busctl", atNs: 4n })?.journalSinceNs,
    ).toBeUndefined();
    expect(next.history).toEqual([]);
  }
});
