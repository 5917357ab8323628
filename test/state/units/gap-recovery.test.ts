import { expect, test } from "@jest/globals";
import type { ServiceEvidence, SystemdReply } from "../../../src/domain/systemd.ts";
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
const at = (ms: number): bigint => START_NS + BigInt(ms) * 1_000_000n;
const A = "a.service";

/** A systemd without `a.service`, whose stream is opened, and opened again. */
function watched() {
  const { state, unit } = recordedState();
  const open = (
    ms: number,
    rows: readonly (readonly [string, "active" | "activating" | "failed" | "inactive", string])[],
    entries?: Parameters<typeof failure>[0][],
  ): SystemdReply | undefined => {
    state.take({ kind: "attached", transport: "dbus", atNs: at(ms) });
    const lines = entries?.map((timeNs) => failure(timeNs, { invocationId: runOf(5) }));
    state.take({ kind: "recovered", entries: lines });
    return state.take({
      kind: "listed",
      rows: rows.map(([name, activeState, subState]) => ({ name, activeState, subState })),
      asOfNs: at(ms + 1),
    });
  };
  const shows = (evidence: Partial<ServiceEvidence>): number[] => {
    state.take({
      kind: "evidence",
      isAfterSignals: true,
      unit: A,
      activeState: "activating",
      subState: "auto-restart",
      stateChangeNs: at(900),
      activeEnterNs: at(800),
      invocationId: runOf(5),
      result: "exit-code",
      restarts: 4,
      exitStatus: 1,
      policy: "on-failure",
      hasJob: false,
      mainStartNs: at(800),
      mainExitNs: 0n,
      inactiveExitNs: 0n,
      restartDelayNs: 0n,
      isUnlogged: false,
      timeNs: at(1_010),
      ...evidence,
    });
    return [failuresOf(unit(A)), unit(A).restarts];
  };
  return { state, open, shows };
}

const WAITS = [A, "activating", "auto-restart"] as const;

test("counts all runs of a service that was loaded in the gap", () => {
  const { open, shows } = watched();
  open(0, [["b.service", "active", "running"]]);
  const reply = open(1_000, [WAITS, ["c.service", "inactive", "dead"], ["d.timer", "active", "x"]]);
  expect(reply?.evidenceOf).toEqual(new Map([[A, 0n]]));
  expect(shows({})).toEqual([5, 4]);
  // It was compared.
  expect(shows({})).toEqual([5, 4]);
});

test.each([
  ["fails once without Restart=", { restarts: 0, policy: "no", activeState: "failed" }, [1, 0]],
  ["runs", { restarts: 0, activeState: "active", result: "success" }, [0, 0]],
  ["runs again", { activeState: "active", result: "success", invocationId: runOf(6) }, [4, 4]],
] as const)("counts a service that was loaded in the gap, and %s", (_, evidence, counted) => {
  const { open, shows } = watched();
  open(0, []);
  open(1_000, [WAITS]);
  const { activeState } = evidence;
  const subState = activeState === "active" ? "running" : activeState;
  expect(shows({ ...evidence, subState })).toEqual(counted);
});

test("counts what the journal lacks of a service that was loaded in the gap", () => {
  const { open, shows } = watched();
  open(0, []);
  expect(open(1_000, [WAITS], [at(890)])?.evidenceOf?.size).toBe(1);
  expect(shows({})).toEqual([5, 4]);
});

test("counts all runs of a service that was loaded in the gap, whose newest runs signals report", () => {
  const { state, open, shows } = watched();
  const restartDelayNs = at(100) - at(0);
  open(0, []);
  state.take({ kind: "attached", transport: "dbus", atNs: at(700) });
  state.take({ kind: "recovered", entries: undefined });
  for (const [restarts, ms] of [
    [3, 710],
    [4, 820],
  ] as const) {
    const id = { invocationId: runOf(restarts) };
    state.take(serviceSignal(at(ms), { restarts: restarts - 1, result: "exit-code" }));
    state.take(unitSignal("failed/failed", at(ms), id));
    state.take(unitSignal("activating/auto-restart", at(ms + 1), id));
    state.take(serviceSignal(at(ms + 101), { restarts, result: "exit-code" }));
    state.take(unitSignal("activating/auto-restart", at(ms + 1), id));
  }
  const rows = [{ name: A, activeState: "activating", subState: "auto-restart" } as const];
  state.take({ kind: "listed", rows, asOfNs: at(1_000) });
  const again = { activeState: "active", subState: "running", result: "success" } as const;
  expect(shows({ ...again, restartDelayNs })).toEqual([4, 4]);
});

test("counts nothing from before the first stream, nor of another boot", () => {
  const { state, open, shows } = watched();
  expect(open(0, [WAITS])?.evidenceOf?.size).toBe(0);
  expect(shows({})).toEqual([0, 0]);
  state.ended();
  expect(open(1_000, [WAITS])?.evidenceOf?.size).toBe(0);
  expect(shows({})).toEqual([0, 0]);
});

const run = { invocationId: runOf(5) };
const STOPPED = { activeState: "inactive", subState: "dead", stateChangeNs: at(950) } as const;

test.each([
  ["after its restart was scheduled", 1, [failure(at(500), run), restart(1, at(700), run)], [1, 1]],
  ["after that, the failure's line lost", 1, [restart(1, at(700), run)], [1, 1]],
  ["before that", 0, [failure(at(500), run)], [1, 0]],
  ["before that, the failure's line lost", 0, [], [1, 0]],
])("counts a service that was stopped in its wait %s", (_, restarts, entries, counted) => {
  const { state, open, shows } = watched();
  open(0, [[A, "active", "running"]]);
  state.take({
    kind: "restart-count",
    unit: A,
    restarts: 0,
    policy: "on-failure",
    restartDelayNs: 0n,
  });
  state.take({ kind: "attached", transport: "dbus", atNs: at(900) });
  state.take({ kind: "recovered", entries });
  state.take(serviceSignal(at(950), { result: "exit-code", restarts }));
  state.take(unitSignal("inactive/dead", at(950), run));
  expect(shows({ ...STOPPED, restarts })).toEqual(counted);
});

/** A service that was counted in its first run, with its next line in the journal after a gap. */
function inLoop(restartDelayMs = 100) {
  const systemd = watched();
  const { state, open } = systemd;
  open(0, [[A, "active", "running"]]);
  const count = { unit: A, restarts: 0, policy: "on-failure" } as const;
  const restartDelayNs = BigInt(restartDelayMs) * 1_000_000n;
  state.take({ kind: "restart-count", ...count, restartDelayNs });
  state.take(serviceSignal(at(10), { restarts: 0 }));
  state.take(
    unitSignal("active/running", at(10), { invocationId: runOf(1), activeEnterNs: at(10) }),
  );
  const recover = (entries: Parameters<typeof state.take>[0] & { kind: "recovered" }): void => {
    state.take({ kind: "attached", transport: "dbus", atNs: at(900) });
    state.take(entries);
  };
  return { ...systemd, recover, restartDelayNs };
}

const runs = (number: number): { readonly invocationId: string } => ({
  invocationId: runOf(number),
});
const RUNS_AGAIN = {
  activeState: "active",
  subState: "running",
  result: "success",
  stateChangeNs: at(950),
  mainStartNs: at(950),
} as const;

test("counts one failure of a wait whose restart v252 numbers twice, and signals report", () => {
  const { state, shows, recover, restartDelayNs } = inLoop();
  const entries = [
    failure(at(500), runs(1)),
    restart(1, at(605), runs(1)),
    failure(at(610), runs(2)),
  ];
  recover({ kind: "recovered", entries });
  for (const restarts of [2, 3]) {
    state.take(serviceSignal(at(720), { result: "exit-code", restarts }));
    state.take(unitSignal("activating/auto-restart", at(611), runs(2)));
  }
  expect(shows({ ...RUNS_AGAIN, ...runs(3), restarts: 3, restartDelayNs })).toEqual([2, 3]);
});

test("counts one failure of a wait whose second number a signal alone reports", () => {
  const { state, shows, recover, restartDelayNs } = inLoop();
  recover({
    kind: "recovered",
    entries: [failure(at(500), runs(1)), restart(1, at(605), runs(1))],
  });
  state.take(serviceSignal(at(720), { result: "exit-code", restarts: 2 }));
  state.take(unitSignal("activating/auto-restart", at(501), runs(1)));
  state.take(serviceSignal(at(950), { restarts: 2 }));
  state.take(unitSignal("active/running", at(950), runs(2)));
  expect(shows({ ...RUNS_AGAIN, ...runs(2), restarts: 2, restartDelayNs })).toEqual([1, 2]);
});

test.each([
  ["too early for a run between", 90, [2, 3]],
  ["late enough for a run between", 320, [3, 3]],
])("counts what a restart without a line shows when the next run fails %s", (_, ms, counted) => {
  const { shows, recover, restartDelayNs } = inLoop();
  const entries = [
    failure(at(100), runs(1)),
    restart(1, at(205), runs(1)),
    failure(at(205 + ms), runs(3)),
    restart(3, at(310 + ms), runs(3)),
  ];
  recover({ kind: "recovered", entries });
  expect(shows({ ...RUNS_AGAIN, ...runs(4), restarts: 3, restartDelayNs })).toEqual(counted);
});

test.each([
  ["before its restart was due", { inactiveExitNs: at(880), restarts: 0 }, [1, 0]],
  ["after it was scheduled", { inactiveExitNs: at(840), restarts: 1 }, [1, 1]],
  ["after it was scheduled, with RestartMode=direct", { mainExitNs: at(840), restarts: 1 }, [1, 1]],
])(
  "counts one failure when all lines of a service are lost that was stopped %s",
  (_, it, counted) => {
    const { shows, recover, restartDelayNs } = inLoop();
    recover({ kind: "recovered", entries: [] });
    const stopped = { ...STOPPED, ...runs(1), activeEnterNs: at(10), mainStartNs: at(10) };
    expect(shows({ ...stopped, ...it, restartDelayNs })).toEqual(counted);
  },
);

test("counts a failure that only a listing shows, since its signal was cut off", () => {
  const { state, open, shows } = watched();
  open(0, [["b.service", "active", "running"]]);
  state.take({ kind: "loaded", rows: [{ name: A, activeState: "failed", subState: "failed" }] });
  state.take({ kind: "attached", transport: "dbus", atNs: at(900) });
  const evidence = {
    activeState: "failed",
    subState: "failed",
    restarts: 0,
    policy: "no",
  } as const;
  expect(shows({ ...evidence, isAfterSignals: false })).toEqual([0, 0]);
  state.take({ kind: "recovered", entries: undefined });
  expect(shows({ ...evidence })).toEqual([1, 0]);
});

test.each([
  ["and fails", true],
  ["and isn't seen running", false],
])("begins at 0 when a service is loaded again after it had failed, %s", (_, isSeen) => {
  const { state, open, shows } = inLoop();
  const fail = (ms: number, run: { readonly invocationId: string }): void => {
    state.take(serviceSignal(at(ms), { result: "exit-code", restarts: 0 }));
    state.take(unitSignal("failed/failed", at(ms), run));
  };
  open(20, [[A, "active", "running"]]);
  fail(30, runs(1));
  state.take({ kind: "removed", unit: A, timeNs: at(40) });
  state.take(serviceSignal(at(50), { result: "success", restarts: 0 }));
  state.take(unitSignal("inactive/dead", 0n, runs(2)));
  if (isSeen) {
    state.take(unitSignal("active/running", at(50), runs(2)));
    fail(60, runs(2));
  }
  state.take({ kind: "attached", transport: "dbus", atNs: at(900) });
  state.take({ kind: "recovered", entries: [] });
  expect(shows({ ...RUNS_AGAIN, ...runs(4), restarts: 2 })).toEqual([3, 2]);
});

test.each([
  ["always", [0, 5]],
  ["on-failure", [5, 5]],
])("counts restarts alone by Restart=%s when it was edited in the gap", (policy, counted) => {
  const { shows, recover, restartDelayNs } = inLoop();
  const entries = [1, 2, 3, 4, 5].map((number) =>
    restart(number, at(110 * number + 5), runs(number)),
  );
  const settings = new Map([[A, { policy, restartDelayNs }]]);
  recover({ kind: "recovered", entries, settings });
  const evidence = { ...RUNS_AGAIN, ...runs(6), restarts: 5, policy, restartDelayNs };
  expect(shows(evidence)).toEqual(counted);
});
