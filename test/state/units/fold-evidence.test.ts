import { expect, test } from "@jest/globals";
import type { JournalEntry, ServiceEvidence } from "../../../src/domain/systemd.ts";
import {
  failuresOf,
  recordedState,
  runOf,
  serviceSignal,
  unitSignal,
} from "../../support/systemd/recorded-state.ts";

const START_NS = 1_000_000_000_000n;
const at = (ms: number): bigint => START_NS + BigInt(ms) * 1_000_000n;

/** `a.service` in its first run before a gap, and what evidence shows after it. */
function afterGap(policy = "always", before = 0) {
  const { state, unit, changes, newChanges } = recordedState();
  const row = { name: "a.service", activeState: "active", subState: "running" } as const;
  state.take({ kind: "attached", transport: "dbus", atNs: START_NS });
  state.take({ kind: "recovered", entries: [] });
  state.take({ kind: "listed", rows: [row], asOfNs: at(1) });
  state.take({
    kind: "restart-count",
    unit: "a.service",
    restarts: before,
    policy,
    restartDelayNs: 0n,
  });
  state.take(serviceSignal(at(2), { restarts: before }));
  state.take(unitSignal("active/running", at(2), { activeEnterNs: at(2) }));
  newChanges();
  return {
    state,
    changes,
    newChanges,
    counts: () => [failuresOf(unit("a.service")), unit("a.service").restarts],
    /** Returns what the gap leaves unknown. */
    shows: (evidence: Partial<ServiceEvidence>, { ms = 1_000 }: { readonly ms?: number } = {}) => {
      state.take({ kind: "attached", transport: "dbus", atNs: at(ms) });
      state.take({
        kind: "evidence",
        isAfterSignals: false,
        unit: "a.service",
        activeState: "active",
        subState: "running",
        stateChangeNs: at(ms),
        activeEnterNs: at(ms),
        invocationId: runOf(2),
        result: "success",
        restarts: 0,
        exitStatus: 0,
        policy,
        hasJob: false,
        mainStartNs: at(ms),
        mainExitNs: 0n,
        inactiveExitNs: 0n,
        restartDelayNs: 0n,
        isUnlogged: false,
        timeNs: at(ms + 1),
        ...evidence,
      });
      return state.take({ kind: "recovered", entries: undefined })?.unknownEnds;
    },
  };
}

const entry = (
  kind: JournalEntry["kind"],
  ms: number,
  {
    restarts,
    run = 2,
    unit = "a.service",
  }: { restarts?: number; run?: number; unit?: string } = {},
): JournalEntry => {
  const result = kind === "failure" ? "exit-code" : undefined;
  return { kind, unit, result, restarts, invocationId: runOf(run), timeNs: at(ms) };
};

const WAITING = { activeState: "activating", subState: "auto-restart", result: "signal" } as const;
const FAILED = { activeState: "failed", subState: "failed", result: "exit-code" } as const;

test.each<[string, string, Partial<ServiceEvidence>, [number, number, number]]>([
  [
    "one failure in a wait for a restart",
    "always",
    { ...WAITING, invocationId: runOf(1) },
    [1, 0, 0],
  ],
  ["a failure without a restart", "no", { ...FAILED, invocationId: runOf(1) }, [1, 0, 0]],
  ["two when the start limit was hit", "on-failure", { ...FAILED, restarts: 1 }, [2, 1, 0]],
  ["each restart after failures alone", "on-failure", { restarts: 3 }, [3, 3, 0]],
  ["no failure of restarts after successes", "on-success", { restarts: 2 }, [0, 2, 0]],
  ["restarts alone when their reason is unknown", "always", { restarts: 2 }, [0, 2, 2]],
  [
    "nothing of a skipped start",
    "always",
    { ...WAITING, result: "exec-condition", invocationId: runOf(1) },
    [0, 0, 0],
  ],
  ["nothing of a start by hand, whose reason is unknown", "always", {}, [0, 0, 1]],
  [
    "one failure when v252 counts its restart twice",
    "always",
    { ...WAITING, invocationId: runOf(1), restarts: 1 },
    [1, 1, 0],
  ],
])("counts %s", (_what, policy, evidence, [failures, restarts, unknown]) => {
  const { shows, counts } = afterGap(policy);
  expect(shows(evidence)?.get("a.service") ?? 0).toBe(unknown);
  expect(counts()).toEqual([failures, restarts]);
});

test("takes a service that crashed before for one that goes on to crash", () => {
  const { state, shows, counts } = afterGap();
  state.take(serviceSignal(at(10), { result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(10)));
  state.take(unitSignal("activating/auto-restart", at(11)));
  expect(shows({ restarts: 3 })?.size).toBe(0);
  expect(counts()).toEqual([3, 3]);
});

test("emits a missed start by hand, and none by a restart", () => {
  const byHand = afterGap();
  byHand.shows({});
  expect(byHand.newChanges()).toEqual(["unit.active a.service ActiveState=active recovered"]);
  const byRestart = afterGap("on-failure");
  byRestart.shows({ restarts: 1 });
  expect(byRestart.newChanges()).toEqual([
    "unit.failed a.service ActiveState=failed recovered",
    "unit.restart a.service NRestarts=1 recovered",
  ]);
});

test("counts no more failures than a bound when a container reports 2^32-1 restarts", () => {
  const { shows, counts } = afterGap("on-failure");
  expect(shows({ restarts: 2 ** 32 - 1 })?.get("a.service")).toBe(2 ** 32 - 1 - 10_000);
  expect(counts()).toEqual([10_000, 2 ** 32 - 1]);
});

test("counts no more failures than another bound of all services in one gap", () => {
  const { state } = afterGap("on-failure");
  const names = ["a", "b", "c", "d"].map((name) => `${name}.service`);
  const rows = names.map((name) => {
    return { name, activeState: "active", subState: "running" } as const;
  });
  state.take({ kind: "listed", rows, asOfNs: at(3) });
  for (const name of names) {
    state.take({
      kind: "restart-count",
      unit: name,
      restarts: 0,
      policy: "on-failure",
      restartDelayNs: 0n,
    });
  }
  state.take({ kind: "attached", transport: "dbus", atNs: at(1_000) });
  const entries = names.map((name, i) => entry("restart", 900 + i, { restarts: 1e9, unit: name }));
  state.take({ kind: "recovered", entries });
  const failures = names.map((name) => failuresOf(state.units.get(name)));
  expect(failures).toEqual([10_000, 10_000, 0, 0]);
});

test("counts the failures of one gap after the other when no run gets a main process", () => {
  const { shows, counts } = afterGap("on-failure");
  const waits = { ...FAILED, activeState: "activating", subState: "auto-restart" } as const;
  shows({ ...waits, restarts: 2, invocationId: runOf(4), mainStartNs: 0n });
  expect(counts()).toEqual([3, 2]);
  const second = { restarts: 5, invocationId: runOf(7), stateChangeNs: at(2_000) };
  shows({ ...waits, ...second, mainStartNs: 0n }, { ms: 2_100 });
  expect(counts()).toEqual([6, 5]);
});

test("counts all failures of a gap after a start whose signal still has the state before", () => {
  const { state, shows, counts } = afterGap("on-failure");
  const run = (ms: number, id: string): void => {
    // Its run has an id before its state changes.
    state.take(unitSignal("inactive/dead", at(2), { invocationId: id }));
    state.take(serviceSignal(at(ms), { restarts: 0 }));
    state.take(unitSignal("active/running", at(ms), { invocationId: id }));
    state.take(serviceSignal(at(ms + 1), { restarts: 0, result: "exit-code" }));
    state.take(unitSignal("failed/failed", at(ms + 1), { invocationId: id }));
    state.take(unitSignal("activating/auto-restart", at(ms + 2), { invocationId: id }));
  };
  run(10, runOf(2));
  state.take(unitSignal("inactive/dead", at(15), { invocationId: runOf(2) }));
  run(20, runOf(3));
  shows({ ...FAILED, restarts: 4, invocationId: runOf(7) });
  expect(counts()).toEqual([6, 4]);
});

test("goes on from NRestarts when the gap begins between a wait and the start after it", () => {
  const { state, shows, counts } = afterGap("on-failure", 4);
  const waits = unitSignal("activating/auto-restart", at(11));
  state.take(serviceSignal(at(10), { restarts: 4, result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(10)));
  state.take(waits);
  state.take(serviceSignal(at(15), { restarts: 5, result: "exit-code" }));
  state.take({ ...waits, timeNs: at(15) });
  // Up to v252, the last signal in the state before the start has the id of the run to come.
  state.take(serviceSignal(at(16), { restarts: 5 }));
  state.take(unitSignal("inactive/dead", at(16), { invocationId: runOf(2) }));
  expect(counts()).toEqual([1, 1]);
  shows({ restarts: 7, invocationId: runOf(4) });
  expect(counts()).toEqual([3, 3]);
});

test("counts the run that was about to start when the gap began, after one that failed", () => {
  const { state, shows, counts } = afterGap("on-failure");
  state.take(serviceSignal(at(10), { result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(10)));
  state.take(serviceSignal(at(20)));
  state.take(unitSignal("failed/failed", at(10), { invocationId: runOf(2), timeNs: at(20) }));
  shows({ restarts: 1, invocationId: runOf(3) });
  expect(counts()).toEqual([2, 1]);
});

test("counts from 0 after a stop by hand", () => {
  const { state, shows, counts } = afterGap("on-failure", 4);
  state.take(serviceSignal(at(10), { restarts: 4 }));
  state.take(unitSignal("inactive/dead", at(10)));
  shows({ restarts: 5, invocationId: runOf(9) });
  expect(counts()).toEqual([5, 5]);
});

test("gives each failure of a run another number when the journal loses lines", () => {
  const { state, changes } = afterGap("on-failure");
  const run = 4;
  state.take({ kind: "attached", transport: "dbus", atNs: at(1_000) });
  const entries = [
    entry("failure", 900, { run }),
    entry("restart", 950, { restarts: 4, run }),
    entry("failure", 960, { run }),
  ];
  state.take({ kind: "recovered", entries });
  const runs = changes.flatMap((change) => (change.kind === "unit.failed" ? [change.run] : []));
  expect(runs).toEqual([`${runOf(4)} failure 1`, "", "", "", `${runOf(4)} failure 2`]);
});
