import { expect, test } from "@jest/globals";
import {
  failure,
  recordedState,
  restart,
  runOf,
  serviceSignal,
  unitSignal,
} from "../../support/systemd/recorded-state.ts";

const START_NS = 1_000_000_000_000n;
const at = (ms: number): bigint => START_NS + BigInt(ms) * 1_000_000n;

/** A systemd that is watched, and the signals of `a.service`, as recorded from real ones. */
function watched() {
  const recorded = recordedState();
  const { state } = recorded;
  state.take({ kind: "attached", transport: "dbus", atNs: START_NS });
  state.take({ kind: "recovered", entries: [] });
  state.take({
    kind: "listed",
    rows: [{ name: "a.service", activeState: "active", subState: "running" }],
    asOfNs: at(1),
  });
  /** A Service signal, and the Unit signal right after it. */
  const signal = ({
    ms,
    run,
    restarts,
    result = "exit-code",
    sinceMs = ms,
    state: entered,
  }: SignalPair): void => {
    state.take(serviceSignal(at(ms), { result, restarts }));
    const invocationId = runOf(run);
    state.take(unitSignal(entered, at(sinceMs), { invocationId, timeNs: at(ms) }));
  };
  return { ...recorded, signal, restarts: () => recorded.unit("a.service").restarts };
}

interface SignalPair {
  readonly ms: number;
  readonly state: string;
  readonly run: number;
  readonly restarts: number;
  readonly result?: string;
  /** When it came into its state; default: right then. */
  readonly sinceMs?: number;
}

test("counts one restart when v257 reports it three times", () => {
  const { signal, restarts, unitChanges } = watched();
  for (const run of [1, 2, 3]) {
    const ms = run * 1_000;
    signal({ ms, state: "failed/failed-before-auto-restart", run, restarts: run - 1 });
    signal({ ms: ms + 1, state: "activating/auto-restart", run, restarts: run - 1 });
    const since = { sinceMs: ms + 1 };
    signal({ ms: ms + 300, ...since, state: "activating/auto-restart", run, restarts: run });
    signal({ ms: ms + 301, state: "activating/auto-restart-queued", run, restarts: run });
    const queued = { sinceMs: ms + 301, state: "activating/auto-restart-queued" };
    signal({ ms: ms + 302, ...queued, run: run + 1, restarts: run, result: "success" });
    signal({
      ms: ms + 303,
      state: "active/running",
      run: run + 1,
      restarts: run,
      result: "success",
    });
    expect(restarts()).toBe(run);
  }
  const numbers = unitChanges().filter(({ kind }) => kind === "unit.restart");
  expect(numbers.map((change) => change.restarts)).toEqual([1, 2, 3]);
});

test("counts restarts and no failure when v247 restarts what ExecCondition= skips", () => {
  const { signal, restarts, unit } = watched();
  const result = "exec-condition";
  signal({ ms: 10, state: "inactive/dead", run: 1, restarts: 0, result: "success" });
  for (const run of [1, 2, 3]) {
    const ms = run * 1_000;
    signal({ ms, state: "activating/condition", run, restarts: run - 1, result: "success" });
    signal({ ms: ms + 1, state: "activating/auto-restart", run, restarts: run - 1, result });
    const since = { sinceMs: ms + 1 };
    signal({
      ms: ms + 200,
      ...since,
      state: "activating/auto-restart",
      run,
      restarts: run,
      result,
    });
    signal({ ms: ms + 201, state: "inactive/dead", run, restarts: run, result });
  }
  expect(restarts()).toBe(3);
  expect([...unit("a.service").failures]).toEqual([]);
});

test("counts from 1 when reset-failed comes during the wait", () => {
  const { signal, restarts } = watched();
  signal({ ms: 10, state: "activating/auto-restart", run: 1, restarts: 0 });
  signal({ ms: 20, sinceMs: 10, state: "activating/auto-restart", run: 1, restarts: 1 });
  signal({ ms: 30, state: "active/running", run: 2, restarts: 1, result: "success" });
  signal({ ms: 40, state: "failed/failed", run: 2, restarts: 1 });
  signal({ ms: 41, state: "activating/auto-restart", run: 2, restarts: 1 });
  expect(restarts()).toBe(1);
  // NRestarts was 0 in between, and Result was set back.
  const wait = { sinceMs: 41, state: "activating/auto-restart", run: 2, restarts: 1 };
  signal({ ms: 60, ...wait, result: "success" });
  expect(restarts()).toBe(2);
  signal({ ms: 61, ...wait, result: "success" });
  expect(restarts()).toBe(2);
});

test("counts both restarts once when a reload during the wait schedules a second one", () => {
  const { state, signal, restarts, unitChanges } = watched();
  signal({ ms: 10, state: "activating/auto-restart", run: 1, restarts: 0 });
  const wait = { sinceMs: 10, state: "activating/auto-restart", run: 1 };
  signal({ ms: 20, ...wait, restarts: 1 });
  signal({ ms: 30, ...wait, restarts: 2 });
  expect(restarts()).toBe(2);
  state.lost();
  const attached = { kind: "attached", transport: "dbus", atNs: at(50) } as const;
  expect(state.take(attached)?.journalSinceNs).toBeDefined();
  state.take({ kind: "recovered", entries: [restart(1, at(15)), restart(2, at(25))] });
  expect(restarts()).toBe(2);
  const runs = unitChanges().map(({ run }) => run);
  expect(new Set(runs.filter((run) => run !== "")).size).toBe(runs.filter(Boolean).length);
});

test("counts one failure when a busy systemd changes the state long after its line", () => {
  const { state, unit, unitChanges } = watched();
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(50) });
  state.take({ kind: "recovered", entries: [failure(at(60))] });
  state.take(serviceSignal(at(155), { result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(150), { timeNs: at(155) }));
  expect(unit("a.service").failures.get("exit-code")).toBe(1);
  expect(unitChanges().filter(({ kind }) => kind === "unit.failed")).toHaveLength(1);
});

test("counts one failure when v257 names the next run before it leaves failed", () => {
  const { state, unit, signal, unitChanges } = watched();
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(50) });
  state.take({ kind: "recovered", entries: [failure(at(60), { invocationId: runOf(1) })] });
  signal({ ms: 70, sinceMs: 61, state: "failed/failed", run: 2, restarts: 0, result: "success" });
  signal({ ms: 71, state: "active/running", run: 2, restarts: 0, result: "success" });
  expect([...unit("a.service").failures]).toEqual([["exit-code", 1]]);
  expect(unitChanges().filter(({ kind }) => kind === "unit.failed")).toHaveLength(1);
});

test("counts another failure when a start limit is hit right after a gap", () => {
  const { state, unit, signal } = watched();
  signal({ ms: 10, state: "active/running", run: 1, restarts: 0, result: "success" });
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(50) });
  state.take({ kind: "recovered", entries: [failure(at(60)), restart(1, at(70))] });
  signal({ ms: 80, state: "failed/failed", run: 1, restarts: 1 });
  expect(unit("a.service").failures.get("exit-code")).toBe(2);
  expect(unit("a.service").restarts).toBe(1);
});

test("counts restarts and no failure when v247 restarts what ExecCondition= skips", () => {
  const { signal, restarts, unit } = watched();
  const result = "exec-condition";
  signal({ ms: 10, state: "inactive/dead", run: 1, restarts: 0, result: "success" });
  for (const run of [1, 2, 3]) {
    const ms = run * 1_000;
    signal({ ms, state: "activating/condition", run, restarts: run - 1, result: "success" });
    signal({ ms: ms + 1, state: "activating/auto-restart", run, restarts: run - 1, result });
    const since = { sinceMs: ms + 1 };
    signal({
      ms: ms + 200,
      ...since,
      state: "activating/auto-restart",
      run,
      restarts: run,
      result,
    });
    signal({ ms: ms + 201, state: "inactive/dead", run, restarts: run, result });
  }
  expect(restarts()).toBe(3);
  expect([...unit("a.service").failures]).toEqual([]);
});

test("counts from 1 when reset-failed comes in a wait that began in a gap with a restart", () => {
  const { state, signal, restarts } = watched();
  signal({ ms: 10, state: "activating/auto-restart", run: 1, restarts: 0 });
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(500) });
  state.take({
    kind: "recovered",
    entries: [
      restart(1, at(100), { invocationId: runOf(1) }),
      failure(at(200), { invocationId: runOf(2) }),
    ],
  });
  state.take({
    kind: "listed",
    rows: [{ name: "a.service", activeState: "activating", subState: "auto-restart" }],
    asOfNs: at(501),
  });
  expect(restarts()).toBe(1);
  const wait = { sinceMs: 201, state: "activating/auto-restart", run: 2, restarts: 1 };
  signal({ ms: 600, ...wait });
  expect(restarts()).toBe(1);
  signal({ ms: 700, ...wait, result: "success" });
  expect(restarts()).toBe(2);
});

test("counts from 1 when the restart after the reset is the first signal after such a gap", () => {
  const { state, signal, restarts } = watched();
  signal({ ms: 10, state: "activating/auto-restart", run: 1, restarts: 0 });
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(500) });
  state.take({
    kind: "recovered",
    entries: [
      restart(1, at(100), { invocationId: runOf(1) }),
      failure(at(200), { invocationId: runOf(2) }),
    ],
  });
  const rows = [
    { name: "a.service", activeState: "activating", subState: "auto-restart" },
  ] as const;
  state.take({ kind: "listed", rows, asOfNs: at(501) });
  const wait = { sinceMs: 201, state: "activating/auto-restart", run: 2, restarts: 1 };
  signal({ ms: 600, ...wait, result: "success" });
  expect(restarts()).toBe(2);
  signal({ ms: 601, ...wait, result: "success" });
  expect(restarts()).toBe(2);
});

test("counts a new wait when it is signalled before the listing after a gap", () => {
  const { state, signal, restarts } = watched();
  signal({ ms: 10, state: "activating/auto-restart", run: 1, restarts: 0 });
  signal({ ms: 20, sinceMs: 10, state: "activating/auto-restart", run: 1, restarts: 1 });
  signal({ ms: 21, state: "activating/auto-restart-queued", run: 1, restarts: 1 });
  expect(restarts()).toBe(1);
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(110) });
  state.take({ kind: "recovered", entries: [failure(at(100), { invocationId: runOf(2) })] });
  signal({ ms: 120, sinceMs: 101, state: "activating/auto-restart", run: 2, restarts: 1 });
  expect(restarts()).toBe(1);
  signal({ ms: 200, sinceMs: 101, state: "activating/auto-restart", run: 2, restarts: 2 });
  expect(restarts()).toBe(2);
});

test.each([
  { listed: "start-pre", atMs: 160 },
  { listed: "auto-restart", atMs: 300 },
])(
  "counts one failure when its line precedes the stream and its state change follows: listed as $listed",
  (row) => {
    const { state, signal, unit } = watched();
    signal({ ms: 10, state: "activating/auto-restart", run: 1, restarts: 0 });
    signal({ ms: 20, sinceMs: 10, state: "activating/auto-restart", run: 1, restarts: 1 });
    const before = unit("a.service").failures.get("exit-code") ?? 0;
    state.lost();
    state.take({ kind: "attached", transport: "dbus", atNs: at(150) });
    state.take({ kind: "recovered", entries: [failure(at(100), { invocationId: runOf(2) })] });
    const rows = [{ name: "a.service", activeState: "activating", subState: row.listed }] as const;
    state.take({ kind: "listed", rows, asOfNs: at(row.atMs) });
    signal({ ms: 600, sinceMs: 215, state: "activating/auto-restart", run: 2, restarts: 1 });
    expect(unit("a.service").failures.get("exit-code")).toBe(before + 1);
  },
);
