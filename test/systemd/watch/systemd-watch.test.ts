import { expect, test } from "@jest/globals";
import type { Change } from "../../../src/domain/change.ts";
import { EventBus } from "../../../src/state/event-bus.ts";
import { SystemdWatch } from "../../../src/systemd/watch/systemd-watch.ts";
import { idOf } from "../../support/engine-facts.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeSystemdSource } from "../../support/fake-systemd-source.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import type { RecordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { journalEntry, serviceSignal, unitRow, unitSignal } from "../../support/systemd-facts.ts";
import { turns } from "../../support/turns.ts";

interface Watched extends RecordedFleet, AsyncDisposable {
  readonly source: FakeSystemdSource;
  readonly clock: FakeClock;
  readonly watch: SystemdWatch;
  readonly lines: string[];
  readonly parseErrors: () => number;
  readonly stateReads: () => number;
  /** Kinds of the changes of the watch itself, and their containers. */
  readonly monitor: () => string[];
  readonly monitored: () => string[];
}

/** A watch over the systemd of the container `sind-dev-worker-0`. */
function watched(source = new FakeSystemdSource()): Watched {
  const recorded = recordedFleet();
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const monitor: Change[] = [];
  let parseErrors = 0;
  let stateReads = 0;
  recorded.happens("create", "sind-dev-worker-0");
  recorded.happens("start", "sind-dev-worker-0");
  recorded.changes.length = 0;
  const bus = new EventBus(log);
  bus.subscribe("change", (change) => void monitor.push(change));
  bus.subscribe("parseError", () => void parseErrors++);
  bus.subscribe("stateRead", () => void stateReads++);
  const watch = new SystemdWatch({
    record: recorded.record("sind-dev-worker-0"),
    source,
    clock,
    log,
    bus,
  });
  return {
    ...recorded,
    source,
    clock,
    watch,
    lines,
    parseErrors: () => parseErrors,
    stateReads: () => stateReads,
    monitor: () => monitor.map(({ kind }) => kind),
    monitored: () => monitor.map(({ container }) => container),
    [Symbol.asyncDispose]: () => watch.stop(),
  };
}

test("reports one error and tries ever more rarely when systemd can't be listed", async () => {
  await using watching = watched();
  const { source, clock } = watching;
  const fail = async (): Promise<void> => {
    const { take } = source.latest;
    take({ kind: "attached", transport: "dbus", atNs: clock.nowNs() });
    take({ kind: "recovered", entries: [] });
    source.latest.end(new Error("systemd has too many units to be listed"));
    await clock.advance(0);
  };
  for (let attempt = 0; attempt < 20; attempt++) {
    await fail();
    const waitMs = clock.nextTimerMs ?? 0;
    expect(waitMs).toBeGreaterThanOrEqual(Math.min(250 * 2 ** attempt, 25_000) / 2);
    await clock.advance(waitMs);
  }
  expect(watching.monitor()).toEqual(["monitor.error"]);
  expect(watching.record("sind-dev-worker-0")).toMatchObject({
    status: "running",
    systemd: { up: false },
  });
});

test("applies the source's messages to the container's systemd", async () => {
  await using watching = watched();
  const { source, record, changes } = watching;
  const { systemd } = record("sind-dev-worker-0");
  expect(systemd).toMatchObject({ up: false, transport: undefined });
  source.latest.attach([unitRow("a.service", "active", "running")]);
  expect(systemd).toMatchObject({ up: true, transport: "dbus" });
  const { take } = source.latest;
  take(serviceSignal({ result: "signal", timeNs: 2_000n }));
  take(unitSignal({ activeState: "failed", stateChangeNs: 2_000n, timeNs: 2_000n }));
  take({ kind: "loaded", rows: [unitRow("b.service", "inactive")] });
  take({ kind: "removed", unit: "b.service", timeNs: 3_000n });
  take({ kind: "manager", version: "252", timeNs: 3_000n });
  expect(systemd.units.get("a.service")?.failures).toEqual(new Map([["signal", 1]]));
  expect(systemd.manager.version).toBe("252");
  expect(changes.map(({ kind, unit }) => [kind, unit])).toEqual([
    ["unit.failed", "a.service"],
    ["unit.removed", "b.service"],
  ]);
  take({ kind: "parse-error" });
  expect(watching.parseErrors()).toBe(1);
});

test("goes on over a better transport without a gap", async () => {
  await using watching = watched();
  const { source, record, lines, monitor } = watching;
  const { systemd } = record("sind-dev-worker-0");
  const { take } = source.latest;
  source.latest.attach([unitRow("a.service", "active", "running")]);
  take({ kind: "moved", transport: "dbus-private" });
  expect(systemd).toMatchObject({ up: true, transport: "dbus-private", reconnects: 0 });
  expect(monitor()).toEqual([]);
  expect(lines.at(-1)).toBe(
    'level=info msg="moved to a better transport" container=sind-dev-worker-0 transport=dbus-private',
  );
  // It was known before.
  take(unitSignal({ activeState: "failed", stateChangeNs: 2_000n, timeNs: 2_000n }));
  expect(systemd.units.get("a.service")?.failures.size).toBe(1);
});

test("tries often again after a pause, since the node may still boot", async () => {
  const source = new FakeSystemdSource();
  source.fault = new Error("the container is paused");
  await using watching = watched(source);
  const { clock, watch } = watching;
  await clock.advance(120_000);
  const waitsAfter = async (): Promise<number[]> => {
    watch.wake();
    await turns();
    const waitsMs: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      waitsMs.push(clock.nextTimerMs ?? 0);
      await clock.advance(clock.nextTimerMs ?? 0);
    }
    return waitsMs;
  };
  expect(Math.min(...(await waitsAfter()))).toBeGreaterThanOrEqual(12_500);
  watch.paused();
  expect(Math.max(...(await waitsAfter()))).toBeLessThanOrEqual(1_000);
});

test("reports a lost stream after a moment, tries again, and recovers", async () => {
  await using watching = watched();
  const { source, clock, record, monitor } = watching;
  const { systemd } = record("sind-dev-worker-0");
  source.latest.attach();
  source.latest.end();
  await turns();
  expect(systemd.up).toBe(false);
  expect(monitor()).toEqual([]);
  await clock.advance(250);
  expect(monitor()).toEqual(["monitor.lost"]);
  expect(source.runs).toHaveLength(2);
  source.latest.attach();
  expect(monitor()).toEqual(["monitor.lost", "monitor.recovered"]);
  expect(systemd).toMatchObject({ up: true, reconnects: 1 });
});

test("reports a renamed container by its new name", async () => {
  await using watching = watched();
  const { source, clock, happens } = watching;
  source.latest.attach();
  happens("rename", "sind-dev-worker-9", { id: idOf("sind-dev-worker-0") });
  source.latest.end();
  await clock.advance(250);
  expect(watching.monitored()).toEqual(["sind-dev-worker-9"]);
});

test("reports no failure during a boot, and one error when failures go on", async () => {
  const source = new FakeSystemdSource();
  source.fault = new Error("container is booting");
  await using watching = watched(source);
  const { clock, monitor } = watching;
  await clock.advance(5_000);
  expect(source.runs.length).toBeGreaterThanOrEqual(4);
  expect(monitor()).toEqual([]);
  await clock.advance(120_000);
  expect(monitor()).toEqual(["monitor.error"]);
  source.fault = undefined;
  await clock.advance(30_000);
  source.latest.attach();
  expect(monitor()).toEqual(["monitor.error", "monitor.recovered"]);
});

test("reports nothing when a node boots in its usual time", async () => {
  const source = new FakeSystemdSource();
  source.fault = new Error("no bus yet");
  await using watching = watched(source);
  await watching.clock.advance(1_000);
  source.fault = undefined;
  await watching.clock.advance(1_000);
  source.latest.attach();
  expect(watching.monitor()).toEqual([]);
});

test("doesn't shorten the waits when a stream ends before its listing", async () => {
  const source = new FakeSystemdSource();
  source.fault = new Error("no");
  await using watching = watched(source);
  await watching.clock.advance(600_000);
  expect(source.runs.length).toBeLessThan(50);
});

test("shortens the waits after a success", async () => {
  const source = new FakeSystemdSource();
  source.fault = new Error("no");
  await using watching = watched(source);
  await watching.clock.advance(60_000);
  source.fault = undefined;
  await watching.clock.advance(30_000);
  source.latest.attach();
  source.latest.end();
  await turns();
  const attempts = source.runs.length;
  await watching.clock.advance(250);
  expect(source.runs).toHaveLength(attempts + 1);
});

test("tries at once when woken during a wait", async () => {
  const source = new FakeSystemdSource();
  source.fault = new Error("container is paused");
  await using watching = watched(source);
  await watching.clock.advance(60_000);
  const attempts = source.runs.length;
  source.fault = undefined;
  watching.watch.wake();
  await turns();
  expect(source.runs).toHaveLength(attempts + 1);
  watching.watch.wake();
  await turns();
  expect(source.runs).toHaveLength(attempts + 1);
});

test("applies nothing after its end", async () => {
  const source = new FakeSystemdSource();
  source.isStubborn = true;
  const watching = watched(source);
  const { record, changes, monitor } = watching;
  const { systemd } = record("sind-dev-worker-0");
  source.latest.attach([unitRow("a.service", "active")]);
  const stopped = watching.watch.stop();
  expect(source.latest.signal.aborted).toBe(true);
  systemd.ended();
  systemd.take({ kind: "attached", transport: "dbus", atNs: 5_000n });
  systemd.take({ kind: "recovered", entries: [] });
  systemd.take({ kind: "listed", rows: [unitRow("b.service", "active")], asOfNs: 5_000n });
  const { take } = source.latest;
  take(unitSignal({ activeState: "failed", stateChangeNs: 9_000n, timeNs: 9_000n }));
  take({ kind: "listed", rows: [], asOfNs: 9_000n });
  take({ kind: "removed", unit: "b.service", timeNs: 9_000n });
  take({ kind: "manager", version: "0", timeNs: 9_000n });
  source.latest.end(new Error("killed"));
  await stopped;
  expect([...systemd.units.values()].map(({ name }) => name)).toEqual(["b.service"]);
  expect(systemd).toMatchObject({ up: true, manager: { version: undefined } });
  expect(changes).toEqual([]);
  expect(monitor()).toEqual([]);
  expect(watching.clock.pendingTimers).toBe(0);
});

test("waits for the source when stopped, and ends a wait", async () => {
  const source = new FakeSystemdSource();
  source.isStubborn = true;
  const watching = watched(source);
  let stopped = false;
  const done = (async () => {
    await watching.watch.stop();
    stopped = true;
  })();
  await turns();
  expect(stopped).toBe(false);
  source.latest.end();
  await done;

  const missing = new FakeSystemdSource();
  missing.fault = new Error("no");
  const waiting = watched(missing);
  await waiting.clock.advance(10_000);
  await waiting.watch.stop();
  expect(waiting.clock.pendingTimers).toBe(0);
});

test("applies the journal's entries before the messages that came meanwhile", async () => {
  await using watching = watched();
  const { source, clock, changes, record } = watching;
  source.latest.attach([unitRow("a.service", "active", "running")]);
  source.latest.end();
  await clock.advance(250);
  const { take } = source.latest;
  const nowNs = clock.nowNs();
  const sinceNs = take({ kind: "attached", transport: "dbus", atNs: nowNs })?.journalSinceNs;
  expect(sinceNs).toBeDefined();
  take(unitSignal({ activeState: "inactive", stateChangeNs: nowNs + 2n, timeNs: nowNs + 2n }));
  expect(changes).toEqual([]);
  take({ kind: "recovered", entries: [journalEntry({ timeNs: nowNs - 9n })] });
  take({ kind: "listed", rows: [unitRow("a.service", "inactive")], asOfNs: nowNs });
  expect(changes.map(({ kind, recovered }) => [kind, recovered])).toEqual([
    ["unit.failed", true],
    ["unit.inactive", false],
  ]);
  expect(record("sind-dev-worker-0").systemd.units.get("a.service")?.failures).toEqual(
    new Map([["exit-code", 1]]),
  );
});

test("warns when it watches by busctl", async () => {
  await using watching = watched();
  const { source, lines } = watching;
  source.latest.attach();
  expect(lines).toEqual([]);
  source.latest.take({ kind: "attached", transport: "busctl", atNs: 2_000n });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^level=warn msg="watching by busctl: .* container=sind-dev-worker-0$/);
});

test("notifies subscribers when a unit freezes and thaws, and not otherwise", async () => {
  await using watching = watched();
  const { take } = watching.source.latest;
  take({ kind: "attached", transport: "dbus", atNs: 1n });
  take({ kind: "recovered", entries: [] });
  take({ kind: "listed", rows: [unitRow("a.service", "active", "running")], asOfNs: 1n });
  const before = watching.stateReads();
  const signal = unitSignal({ unit: "a.service", activeState: "active", subState: "running" });
  const seen = (["frozen", "frozen", undefined, undefined] as const).map((frozenState) => {
    take({ ...signal, frozenState });
    return watching.stateReads() - before;
  });
  expect(seen).toEqual([1, 1, 2, 2]);
  take({ kind: "frozen", unit: "a.service", frozenState: "frozen" });
  take({ kind: "frozen", unit: "other.service", frozenState: "frozen" });
  expect(watching.stateReads() - before).toBe(3);
});

test("is down while systemd doesn't answer, and up over the same stream when it does", async () => {
  await using watching = watched();
  const { source, record, clock, monitor } = watching;
  const { systemd } = record("sind-dev-worker-0");
  const { take } = source.latest;
  source.latest.attach([unitRow("a.service", "active", "running")]);
  const reads = watching.stateReads();
  take({ kind: "silence", isActive: true, atNs: clock.nowNs() });
  expect(systemd).toMatchObject({ up: false, reconnects: 0 });
  take({ kind: "silence", isActive: false, atNs: clock.nowNs() });
  expect(systemd).toMatchObject({ up: true, reconnects: 0 });
  expect(monitor()).toEqual(["monitor.lost", "monitor.recovered"]);
  expect(watching.stateReads()).toBe(reads + 2);
  take(unitSignal({ activeState: "failed", stateChangeNs: 2_000n, timeNs: 2_000n }));
  expect(systemd.units.get("a.service")?.failures.size).toBe(1);
});

test("reports one loss when a stream ends while systemd doesn't answer", async () => {
  await using watching = watched();
  const { source, record, clock, monitor } = watching;
  source.latest.attach([]);
  source.latest.take({ kind: "silence", isActive: true, atNs: clock.nowNs() });
  source.latest.end(new Error("EOF"));
  await clock.advance(1_000);
  expect(monitor()).toEqual(["monitor.lost"]);
  source.latest.attach([]);
  expect(record("sind-dev-worker-0").systemd).toMatchObject({ up: true, reconnects: 1 });
  expect(monitor()).toEqual(["monitor.lost", "monitor.recovered"]);
});
