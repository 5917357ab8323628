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
  state.take({ kind: "restart-count", unit: A, restarts: 0, policy: "on-failure" });
  state.take({ kind: "attached", transport: "dbus", atNs: at(900) });
  state.take({ kind: "recovered", entries });
  state.take(serviceSignal(at(950), { result: "exit-code", restarts }));
  state.take(unitSignal("inactive/dead", at(950), run));
  expect(shows({ ...STOPPED, restarts })).toEqual(counted);
});
