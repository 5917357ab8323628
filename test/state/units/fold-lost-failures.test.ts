import { expect, test } from "@jest/globals";
import {
  failuresOf,
  recordedState,
  runOf,
  serviceSignal,
  unitSignal,
} from "../../support/systemd/recorded-state.ts";

const START_NS = 1_000_000_000_000n;
const at = (ms: number): bigint => START_NS + BigInt(ms) * 1_000_000n;

/** Services that run, then a gap of a second of which the journal has nothing. */
function afterGap(policy: string, names: readonly string[] = ["a.service"]) {
  const { state, newChanges } = recordedState();
  const rows = names.map((name) => {
    return { name, activeState: "active", subState: "running" } as const;
  });
  state.take({ kind: "attached", transport: "busctl", atNs: START_NS });
  state.take({ kind: "recovered", entries: [] });
  state.take({ kind: "listed", rows, asOfNs: at(1) });
  for (const unit of names)
    state.take({ kind: "restart-count", unit, restarts: 4, policy, restartDelayNs: 0n });
  state.take({ kind: "attached", transport: "busctl", atNs: at(1_000) });
  state.take({ kind: "recovered", entries: [] });
  state.take({ kind: "listed", rows, asOfNs: at(1_001) });
  newChanges();
  return {
    newChanges,
    counts: () => names.map((name) => failuresOf(state.units.get(name))),
    signal: (sub: string, ms: number, service: { restarts: number; result?: string }) => {
      for (const unit of names) {
        const invocationId = runOf(9);
        state.take({ ...serviceSignal(at(ms), service), unit });
        state.take({ ...unitSignal(sub, at(ms), { invocationId }), unit });
      }
    },
  };
}

test("counts the failures before restarts that no line of the journal shows", () => {
  const { signal, newChanges } = afterGap("on-failure");
  signal("failed/failed", 2_000, { restarts: 7, result: "exit-code" });
  expect(newChanges()).toEqual([
    "unit.failed a.service ActiveState=failed recovered",
    "unit.failed a.service ActiveState=failed recovered",
    "unit.failed a.service ActiveState=failed recovered",
    "unit.restart a.service NRestarts=5",
    "unit.restart a.service NRestarts=6",
    "unit.restart a.service NRestarts=7",
    "unit.failed a.service ActiveState=failed",
  ]);
});

test("counts none twice when the signal shows the end before the restart", () => {
  const { signal, counts } = afterGap("on-failure");
  signal("activating/auto-restart", 900, { restarts: 5, result: "exit-code" });
  expect(counts()).toEqual([1]);
  signal("active/running", 1_100, { restarts: 5, result: "success" });
  expect(counts()).toEqual([1]);
});

test.each([
  ["restarts after successes alone", "on-success", 5, "exit-code"],
  ["has never failed", "always", 5, "exit-code"],
  ["ended well", "always", 5, "success"],
  ["has no new restart", "on-failure", 4, "exit-code"],
])("counts none of a service that %s", (_what, policy, restarts, result) => {
  const { signal, counts } = afterGap(policy);
  signal("active/running", 2_000, { restarts, result });
  expect(counts()).toEqual([0]);
});

test("counts none of what is under watch", () => {
  const { signal, counts } = afterGap("on-failure");
  signal("active/running", 2_000, { restarts: 4 });
  signal("active/running", 2_100, { restarts: 9 });
  expect(counts()).toEqual([0]);
});

test("counts no more than a bound when containers report 2^32-1 restarts", () => {
  const { signal, counts } = afterGap("on-failure", ["a.service", "b.service", "c.service"]);
  signal("active/running", 2_000, { restarts: 2 ** 32 - 1 });
  expect(counts()).toEqual([20_000, 0, 0]);
});
