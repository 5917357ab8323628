import { expect, test } from "@jest/globals";
import type { JournalEntry } from "../../../src/domain/systemd.ts";
import {
  failure,
  failuresOf,
  recordedState,
  restart,
  runOf,
  serviceSignal,
  unitSignal,
} from "../../support/systemd/recorded-state.ts";

const START_NS = 1_000_000_000_000n;
const MS = 1_000_000n;
const A = "a.service";

/** Returns a time in milliseconds after the first attach. */
const at = (ms: number): bigint => START_NS + BigInt(ms) * MS;

/** A watched systemd whose one unit failed once, and then runs; the stream was lost at 1,000 ms. */
function interrupted() {
  const recorded = recordedState();
  const { state } = recorded;
  state.take({ kind: "attached", transport: "dbus", atNs: START_NS });
  state.take({ kind: "recovered", entries: [] });
  state.take({
    kind: "listed",
    rows: [{ name: A, activeState: "active", subState: "running" }],
    asOfNs: at(1),
  });
  state.take(serviceSignal(at(100), { result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(100)));
  state.take(unitSignal("activating/auto-restart", at(101)));
  state.take(serviceSignal(at(200), { restarts: 1 }));
  state.take(unitSignal("active/running", at(201), { invocationId: runOf(2) }));
  state.lost();
  recorded.newChanges();
  const counts = (): number[] => [failuresOf(state.units.get(A)), recorded.unit(A).restarts];
  return {
    ...recorded,
    counts,
    /** A stream is opened again, at 2,000 ms; the journal has these entries. */
    resume: (...entries: JournalEntry[]): number | undefined => {
      const attached = { kind: "attached", transport: "dbus", atNs: at(2_000) } as const;
      expect(state.take(attached)?.journalSinceNs).toBe(START_NS);
      return state.take({ kind: "recovered", entries })?.recoveredChanges;
    },
    /** Units are listed, the one in this state. */
    list: (activeState: "active" | "failed" | "inactive" | "activating", subState = "x"): void => {
      state.take({ kind: "listed", rows: [{ name: A, activeState, subState }], asOfNs: at(2_100) });
    },
  };
}

/** Journal entries of what was counted before the gap. */
const KNOWN = [failure(at(100) - 50_000n), restart(1, at(199))];
const SECOND = { invocationId: runOf(2) };

test("counts nothing again when the journal repeats what was counted before the gap", () => {
  const { resume, list, counts, newChanges } = interrupted();
  expect(resume(...KNOWN)).toBe(0);
  list("active");
  expect(counts()).toEqual([1, 1]);
  expect(newChanges()).toEqual([]);
});

test("counts and emits missed changes as recovered, with the journal's time and run", () => {
  const { resume, list, counts, unitChanges } = interrupted();
  const missed = [
    failure(at(1_500), { ...SECOND, result: "signal" }),
    restart(2, at(1_600), SECOND),
    failure(at(1_700), { invocationId: runOf(3), result: "oom-kill" }),
  ];
  expect(resume(...KNOWN, ...missed)).toBe(3);
  list("failed");
  expect(counts()).toEqual([3, 2]);
  const emitted = unitChanges().filter(({ recovered }) => recovered);
  expect(emitted.map(({ kind, timeNs, result, run }) => [kind, timeNs, result, run])).toEqual(
    [
      ["unit.failed", at(1_500), "signal", `${runOf(2)} failure 1`],
      ["unit.restart", at(1_600), undefined, `${runOf(2)} restart 2`],
      ["unit.failed", at(1_700), "oom-kill", `${runOf(3)} failure 1`],
    ].map((each) => each.map((value) => value ?? expect.anything())),
  );
});

test("counts nothing from before counting began", () => {
  const { state, resume, counts } = interrupted();
  expect(state.journalCursor.baselineNs).toBe(START_NS);
  resume(failure(START_NS), failure(START_NS - 1n), restart(9, START_NS), ...KNOWN);
  expect(counts()).toEqual([1, 1]);
});

test("counts one failure when a signal follows the journal's entry", () => {
  const { state, resume, list, counts, unitChanges } = interrupted();
  resume(...KNOWN, failure(at(2_050), SECOND));
  state.take(serviceSignal(at(2_050), { result: "exit-code", restarts: 1 }));
  state.take(unitSignal("failed/failed", at(2_050) + 60_000n, SECOND));
  list("failed");
  state.take(unitSignal("failed/failed", at(2_050) + 60_000n, { ...SECOND, timeNs: at(2_200) }));
  expect(counts()).toEqual([2, 1]);
  const runs = unitChanges().map(({ run }) => run);
  expect(runs.filter((run) => run.includes(" failure "))).toHaveLength(2);
});

test("counts another failure when the restart of the same run hits the start limit", () => {
  const { state, resume, list, counts, unitChanges } = interrupted();
  resume(...KNOWN, failure(at(1_900), SECOND), restart(2, at(2_000), SECOND));
  list("activating", "auto-restart");
  state.take(serviceSignal(at(2_150), { result: "exit-code", restarts: 2 }));
  state.take(unitSignal("failed/failed", at(2_150), SECOND));
  expect(counts()).toEqual([3, 2]);
  expect(unitChanges().at(-1)).toMatchObject({ run: `${runOf(2)} failure 2`, recovered: false });
});

test("counts no failure when a signal repeats what the journal reported", () => {
  const { state, resume, list, counts } = interrupted();
  resume(...KNOWN, failure(at(1_500), SECOND));
  list("failed");
  state.take(unitSignal("failed/failed", at(1_500) + 60_000n, { ...SECOND, timeNs: at(9_000) }));
  expect(counts()).toEqual([2, 1]);
});

test("counts no restart twice when buffered signals follow the journal's entries", () => {
  const { state, resume, list, counts } = interrupted();
  resume(...KNOWN, ...[2, 3, 4].map((number) => restart(number, at(2_000 + number * 10), SECOND)));
  for (const restarts of [1, 2, 2, 3, 4, 4]) {
    const timeNs = at(2_001 + restarts * 10);
    state.take(serviceSignal(timeNs, { restarts }));
    state.take(unitSignal("active/running", timeNs, { invocationId: runOf(restarts + 1) }));
  }
  list("active");
  expect(counts()).toEqual([1, 4]);
  state.take(serviceSignal(at(3_000), { restarts: 5 }));
  state.take(unitSignal("active/running", at(3_000), { invocationId: runOf(6) }));
  expect(counts()).toEqual([1, 5]);
});

test("counts no old restarts when NRestarts was set back before the gap", () => {
  const { state, resume, counts } = interrupted();
  state.take(serviceSignal(at(300), { restarts: 0 }));
  state.take(unitSignal("active/running", at(300), { invocationId: runOf(3) }));
  expect(counts()).toEqual([1, 1]);
  resume(...KNOWN);
  expect(counts()).toEqual([1, 1]);
});

test("counts from 1 when NRestarts was set back in the gap", () => {
  const { resume, counts } = interrupted();
  const run = { invocationId: runOf(7) };
  resume(...KNOWN, restart(2, at(1_300), SECOND), restart(1, at(1_500), run));
  expect(counts()).toEqual([1, 3]);
});

test("counts one restart when its entry has no number", () => {
  const { resume, counts, unitChanges } = interrupted();
  resume(...KNOWN, restart(0, at(1_500), { ...SECOND, restarts: undefined }));
  expect(counts()).toEqual([1, 2]);
  expect(unitChanges().at(-1)?.restarts).toBe(2);
});

test("counts the failure that a restart shows when the journal has lost its line", () => {
  const { state, resume, counts } = interrupted();
  state.take({
    kind: "restart-count",
    unit: A,
    restarts: 1,
    policy: "on-failure",
    restartDelayNs: 0n,
  });
  const entries = [failure(at(1_400), SECOND), restart(2, at(1_500), SECOND)];
  expect(resume(...KNOWN, ...entries, restart(3, at(1_900), { invocationId: runOf(3) }))).toBe(4);
  expect(counts()).toEqual([3, 3]);
});

test("requests Restart= of services that are listed, or that start, until it is known", () => {
  const { state, unit } = recordedState();
  state.take({ kind: "attached", transport: "dbus", atNs: START_NS });
  state.take({ kind: "recovered", entries: [] });
  const rows = [
    { name: A, activeState: "inactive", subState: "dead" },
    { name: "b.service", activeState: "active", subState: "running" },
    { name: "b.socket", activeState: "active", subState: "running" },
  ] as const;
  const reply = state.take({ kind: "listed", rows, asOfNs: at(1) });
  expect(reply?.restartCountsOf).toEqual([A, "b.service"]);
  state.take({
    kind: "restart-count",
    unit: A,
    restarts: 7,
    policy: undefined,
    restartDelayNs: 0n,
  });
  const active = unitSignal("active/running", at(2));
  expect(state.take(active)?.restartCountsOf).toEqual([A]);
  state.take({ kind: "restart-count", unit: A, restarts: 8, policy: "always", restartDelayNs: 0n });
  expect(unit(A).facts).toMatchObject({ restartsSeen: 7, policy: "always" });
  expect(state.take(active)).toBeUndefined();
  expect(state.take(unitSignal("inactive/dead", at(3)))).toBeUndefined();
});

test("matches entries by time when they have no run", () => {
  const { state, resume, list, counts, unitChanges } = interrupted();
  resume(failure(at(1_500), { invocationId: "" }), failure(at(2_050), { invocationId: "" }));
  state.take(unitSignal("failed/failed", at(2_050) + 60_000n, SECOND));
  list("failed");
  expect(counts()[0]).toBe(3);
  expect(unitChanges().filter(({ recovered }) => recovered)).toEqual([
    expect.objectContaining({ run: "" }),
    expect.objectContaining({ run: "" }),
  ]);
});

test("counts by the journal alone when the unit was unknown before", () => {
  const { state, resume, list, unit } = interrupted();
  const other = { unit: "b.service" };
  resume(failure(at(1_500), other), restart(1, at(1_600), other));
  list("active");
  expect([failuresOf(unit("b.service")), unit("b.service").restarts]).toEqual([1, 1]);
  expect(state.units.counts().get("active")).toBe(1);
});

test("counts nothing twice when the stream is cut again before the listing", () => {
  const { state, resume, list, counts } = interrupted();
  const entries = [...KNOWN, failure(at(1_500), SECOND), restart(2, at(1_600), SECOND)];
  expect(resume(...entries)).toBe(2);
  state.lost();
  const attached = { kind: "attached", transport: "dbus", atNs: at(2_000) } as const;
  expect(state.take(attached)?.journalSinceNs).toBe(at(600));
  expect(state.take({ kind: "recovered", entries })?.recoveredChanges).toBe(0);
  list("active");
  expect(counts()).toEqual([2, 2]);
});

test("counts each failure once when a unit fails in the gap and while the journal is read", () => {
  const { state, resume, list, counts } = interrupted();
  const third = { invocationId: runOf(3) };
  resume(...KNOWN, failure(at(1_500), SECOND), failure(at(2_020), third));
  state.take(unitSignal("active/running", at(2_010), third));
  state.take(unitSignal("failed/failed", at(2_020) + 60_000n, third));
  state.take(unitSignal("active/running", at(2_040), { invocationId: runOf(4) }));
  state.take(unitSignal("failed/failed", at(2_060), { invocationId: runOf(4) }));
  list("failed");
  expect(counts()).toEqual([4, 1]);
});

test("counts one failure when the journal is unavailable and the unit is failed after the gap", () => {
  const { state, counts, newChanges } = interrupted();
  state.take({ kind: "attached", transport: "dbus", atNs: at(2_000) });
  expect(state.take({ kind: "recovered", entries: undefined })?.recoveredChanges).toBe(0);
  state.take({
    kind: "listed",
    rows: [{ name: A, activeState: "failed", subState: "failed" }],
    asOfNs: at(2_100),
  });
  expect(newChanges()).toEqual([`unit.failed ${A} ActiveState=failed recovered`]);
  state.take(unitSignal("failed/failed", at(1_500), { ...SECOND, timeNs: at(2_200) }));
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(3_000) });
  state.take({ kind: "recovered", entries: undefined });
  state.take({
    kind: "listed",
    rows: [{ name: A, activeState: "failed", subState: "failed" }],
    asOfNs: at(3_100),
  });
  expect(counts()).toEqual([2, 1]);
  state.take(unitSignal("failed/failed", at(3_500), SECOND));
  expect(counts()).toEqual([3, 1]);
});

test("counts restarts by their number when the journal is unavailable", () => {
  const { state, list, counts } = interrupted();
  state.take({ kind: "attached", transport: "dbus", atNs: at(2_000) });
  state.take({ kind: "recovered", entries: undefined });
  list("active");
  state.take(serviceSignal(at(2_500), { restarts: 4 }));
  state.take(unitSignal("failed/failed", at(2_500), { invocationId: runOf(9) }));
  expect(counts()).toEqual([2, 4]);
});

test("counts a reconnect when the listing follows a gap, and none when it is on the same stream", () => {
  const { state, resume, list, newChanges, unit } = interrupted();
  expect([state.up, state.reconnects]).toEqual([false, 0]);
  resume(...KNOWN);
  state.take({
    kind: "listed",
    rows: [{ name: "b.service", activeState: "active", subState: "x" }],
    asOfNs: at(2_100),
  });
  expect([state.up, state.reconnects]).toEqual([true, 1]);
  // A unit that is gone after a gap is no change; later it is one.
  expect(newChanges()).toEqual([]);
  expect(unit(A).activeState).toBeUndefined();
  list("active");
  expect(newChanges()).toEqual(["unit.removed b.service"]);
  expect(state.reconnects).toBe(1);
});

test("clears the units and keeps the counters when systemd has ended", () => {
  const { state, counts, unit } = interrupted();
  state.take({ kind: "manager", systemState: "running", timeNs: at(1_000) });
  state.ended();
  expect(state).toMatchObject({ up: false, manager: { systemState: undefined } });
  expect(unit(A).activeState).toBeUndefined();
  expect(counts()).toEqual([1, 1]);
});

test("takes the listing when the clock was set back since the last signal", () => {
  const { state, unit } = interrupted();
  const backNs = START_NS - 500_000n * MS;
  state.take({ kind: "attached", transport: "dbus", atNs: backNs });
  state.take({ kind: "recovered", entries: [] });
  state.take({
    kind: "listed",
    rows: [{ name: A, activeState: "inactive", subState: "dead" }],
    asOfNs: backNs + 1n,
  });
  expect(unit(A).activeState).toBe("inactive");
});

test("forgets a unit's counters after the retention when the next listing lacks it", () => {
  const { state, resume, list } = interrupted();
  resume(failure(at(1_500), { unit: "gone.service" }));
  list("active");
  state.units.forgetRemoved(at(2_100));
  expect(failuresOf(state.units.get("gone.service"))).toBe(1);
  state.units.forgetRemoved(at(2_101));
  expect(state.units.get("gone.service")).toBeUndefined();
  expect(failuresOf(state.units.get(A))).toBe(1);
  state.ended();
  state.units.forgetRemoved(at(9_999));
  expect(failuresOf(state.units.get(A))).toBe(1);
  state.take({ kind: "attached", transport: "dbus", atNs: at(10_000) });
  state.take({ kind: "recovered", entries: [] });
  state.take({ kind: "listed", rows: [], asOfNs: at(10_001) });
  state.units.forgetRemoved(at(10_002));
  expect(state.units.get(A)).toBeUndefined();
});
