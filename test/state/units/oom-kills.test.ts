import { expect, test } from "@jest/globals";
import { unitRow } from "../../support/systemd-facts.ts";
import { recordedState, serviceSignal, unitSignal } from "../../support/systemd/recorded-state.ts";
import type { RecordedState } from "../../support/systemd/recorded-state.ts";

const ATTACHED_NS = 1_000_000_000_000n;
const RUNS = ["1", "2", "3"].map((digit) => digit.repeat(32));

/** Returns a time in milliseconds after the attach. */
const at = (ms: number): bigint => ATTACHED_NS + BigInt(ms) * 1_000_000n;

/** A systemd that is watched, in which `a.service` has run for a while. */
function watched(): RecordedState {
  const recorded = recordedState();
  const rows = [unitRow("a.service", "active", "running"), unitRow("b.socket", "active")];
  recorded.state.take({ kind: "attached", transport: "dbus", atNs: ATTACHED_NS });
  recorded.state.take({ kind: "recovered", entries: [] });
  expect(recorded.state.take({ kind: "listed", rows, asOfNs: ATTACHED_NS })?.oomKillsOf).toEqual([
    "a.service",
  ]);
  const count = {
    kind: "restart-count",
    unit: "a.service",
    restarts: 0,
    policy: "no",
    restartDelayNs: 0n,
  } as const;
  recorded.state.take(count);
  recorded.state.take({ kind: "start-time", unit: "a.service", timeNs: at(-1_000) });
  return recorded;
}

const kills = ({ unit }: RecordedState): number => unit("a.service").counters.oomKills;

const property = ({ state }: RecordedState, count: number): void => {
  state.take({ kind: "oom-kills", unit: "a.service", count });
};

/** Lets a run fail; returns the reply to its signal. */
function fail({ state }: RecordedState, ms: number, result: string, run = 0): unknown {
  const invocationId = RUNS[run] ?? "";
  state.take(serviceSignal(at(ms), { result, exitStatus: 9 }));
  return state.take(unitSignal("failed/failed", at(ms), { invocationId }));
}

function start({ state }: RecordedState, ms: number, run: number): void {
  const invocationId = RUNS[run] ?? "";
  state.take(serviceSignal(at(ms), { result: "success" }));
  state.take(unitSignal("active/running", at(ms), { invocationId, activeEnterNs: at(ms) }));
}

test("counts a kill once that Result and OOMKills show", () => {
  const recorded = watched();
  property(recorded, 0);
  expect(fail(recorded, 1, "oom-kill")).toEqual({ oomKillsOf: ["a.service"] });
  expect(kills(recorded)).toBe(1);
  property(recorded, 1);
  property(recorded, 1);
  expect(kills(recorded)).toBe(1);
  start(recorded, 2, 1);
  property(recorded, 0);
  fail(recorded, 3, "oom-kill", 1);
  property(recorded, 3);
  expect(kills(recorded)).toBe(4);
});

test("counts kills of a run that goes on, or fails by the signal", () => {
  const recorded = watched();
  property(recorded, 0);
  property(recorded, 2);
  expect(kills(recorded)).toBe(2);
  expect(fail(recorded, 1, "signal")).toEqual({ oomKillsOf: ["a.service"] });
  property(recorded, 3);
  expect(kills(recorded)).toBe(3);
  start(recorded, 2, 1);
  expect(fail(recorded, 3, "exit-code", 1)).toBeUndefined();
  expect(kills(recorded)).toBe(3);
});

test("doesn't count the kills of before the watch", () => {
  const recorded = watched();
  property(recorded, 5);
  expect(kills(recorded)).toBe(0);
  property(recorded, 6);
  expect(kills(recorded)).toBe(1);
  fail(recorded, 1, "oom-kill");
  property(recorded, 7);
  expect(kills(recorded)).toBe(2);
});

test("counts all kills of a run that began under watch", () => {
  const recorded = watched();
  start(recorded, 1, 1);
  property(recorded, 2);
  expect(kills(recorded)).toBe(2);
  start(recorded, 2, 2);
  property(recorded, 1);
  expect(kills(recorded)).toBe(3);
});

test("counts by Result alone when the next run has begun before the answer", () => {
  const recorded = watched();
  property(recorded, 0);
  fail(recorded, 1, "oom-kill");
  start(recorded, 2, 1);
  property(recorded, 0);
  expect(kills(recorded)).toBe(1);
});

test("ignores OOMKills of a unit that is gone", () => {
  const { state } = watched();
  state.take({ kind: "oom-kills", unit: "c.service", count: 1 });
  expect(state.units.get("c.service")).toBeUndefined();
});
