import { expect, test } from "@jest/globals";
import type { SystemdSink } from "../../../src/domain/systemd.ts";
import { BufferingSink } from "../../../src/systemd/watch/buffering-sink.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";
import { failure, serviceSignal, unitSignal } from "../../support/systemd/recorded-state.ts";

function held() {
  const next = new RecordedSink();
  const abort = new AbortController();
  let overflows = 0;
  const passed: SystemdSink = {
    attached: next.attached.bind(next),
    recovered: next.recovered.bind(next),
    snapshot: next.snapshot.bind(next),
    startTime: next.startTime.bind(next),
    loaded: next.loaded.bind(next),
    unit: next.unit.bind(next),
    service: next.service.bind(next),
    removed: next.removed.bind(next),
    manager: next.manager.bind(next),
    parseError: next.parseError.bind(next),
  };
  const sink = new BufferingSink({
    ...passed,
    signal: abort.signal,
    overflow: () => {
      overflows += 1;
    },
  });
  return { sink, next, abort, overflows: () => overflows };
}

const ROW = { name: "b.service", activeState: "active", subState: "running" } as const;

/** One of each that may come at any time. */
function tellAll(sink: SystemdSink): void {
  sink.service(serviceSignal(1n));
  sink.unit(unitSignal("active/running", 1n));
  sink.loaded([ROW]);
  sink.removed("c.service", 2n);
  sink.manager({ version: "252", timeNs: 3n });
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
  expect(sink.attached("dbus", 9n)).toBe(7n);
  tellAll(sink);
  sink.unit(unitSignal("failed/failed", 4n));
  expect(next.history).toEqual(["attached dbus"]);
  sink.recovered([failure(1n)]);
  const told = ["attached dbus", "recovered 1", ...ALL, "unit a.service failed/failed"];
  expect(next.history).toEqual(told);
  sink.unit(unitSignal("active/running", 5n));
  expect(next.history).toEqual([...told, "unit a.service active/running"]);
});

test("a source may use its signals again: what is held is a copy", () => {
  const { sink, next } = held();
  sink.attached("dbus", 1n);
  const unit = { ...unitSignal("active/running", 1n) };
  const service = { ...serviceSignal(1n, { restarts: 1 }) };
  sink.unit(unit);
  sink.service(service);
  Object.assign(unit, unitSignal("failed/failed", 2n), { unit: "b.service" });
  service.restarts = 2;
  sink.recovered([]);
  expect(next.units).toEqual([unitSignal("active/running", 1n)]);
  expect(next.services).toEqual([serviceSignal(1n, { restarts: 1 })]);
});

test("a listing and start times are passed on at any time, and their answers back", () => {
  const { sink, next } = held();
  next.wanted = ["b.service"];
  sink.attached("dbus", 1n);
  expect(sink.snapshot([ROW], 2n)).toEqual(["b.service"]);
  sink.startTime("b.service", 3n);
  sink.parseError();
  expect(next.history).toEqual([
    "attached dbus",
    "snapshot 1",
    "start time b.service",
    "parse error",
  ]);
});

test("a journal that can't be read lets go of what is held as well", () => {
  const { sink, next } = held();
  sink.attached("dbus", 1n);
  sink.removed("a.service", 2n);
  sink.recovered(undefined);
  expect(next.history).toEqual(["attached dbus", "recovered nothing", "removed a.service"]);
});

test("attached again while the journal is read, it holds on until the last of them is done", () => {
  const { sink, next } = held();
  sink.attached("dbus", 1n);
  sink.removed("a.service", 2n);
  sink.attached("dbus", 3n);
  sink.removed("b.service", 4n);
  sink.recovered([]);
  sink.removed("c.service", 5n);
  sink.recovered([]);
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
  sink.attached("dbus", 1n);
  for (let i = 0; i < 50_000; i += 1) sink.unit(unitSignal("active/running", 1n));
  expect(overflows()).toBe(0);
  sink.unit(unitSignal("active/running", 1n));
  expect(overflows()).toBe(1);
  abort.abort();
  sink.unit(unitSignal("active/running", 1n));
  sink.recovered([]);
  expect(overflows()).toBe(1);
  expect(next.history).toEqual(["attached dbus"]);
});

test("after the abort nothing is passed on, held or not", () => {
  for (const isHeld of [true, false]) {
    const { sink, next, abort } = held();
    next.sinceNs = 7n;
    next.wanted = ["b.service"];
    if (isHeld) sink.attached("dbus", 1n);
    if (isHeld) tellAll(sink);
    abort.abort();
    next.history.splice(0);
    tellAll(sink);
    sink.recovered([failure(1n)]);
    tellAll(sink);
    sink.startTime("b.service", 3n);
    expect(sink.snapshot([ROW], 2n)).toEqual([]);
    expect(sink.attached("busctl", 4n)).toBeUndefined();
    expect(next.history).toEqual([]);
  }
});
