import { expect, test } from "@jest/globals";
import { foldEntry } from "../../../src/state/units/fold-journal.ts";
import { foldRow, foldStartTime } from "../../../src/state/units/fold-listing.ts";
import { foldService, foldSignal } from "../../../src/state/units/fold-signal.ts";
import { NO_FACTS, NO_PENDING } from "../../../src/state/units/unit-facts.ts";
import type { UnitFacts, UnitOutcome } from "../../../src/state/units/unit-facts.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import {
  failure,
  restart,
  runOf,
  serviceSignal,
  unitSignal,
} from "../../support/systemd/recorded-state.ts";

const ATTACHED_NS = 1_000n;
/** Before and after the attach. */
const EARLY = 900n;
const LATE = 1_100n;

/** The facts of a unit, which no fold may change. */
function factsOf(state: string, more: Partial<UnitFacts> = {}): UnitFacts {
  const [activeState, subState = ""] = state.split("/");
  return Object.freeze({
    ...NO_FACTS,
    activeState: activeState as UnitFacts["activeState"],
    subState,
    stateChangeNs: 500n,
    invocationId: runOf(1),
    isListed: true,
    ...more,
  });
}

const kinds = (outcomes: readonly UnitOutcome[] | undefined): string[] | undefined =>
  outcomes?.map((outcome) =>
    outcome.kind === "restart" ? `restart ${outcome.count}` : outcome.kind,
  );

const FAILED = { result: "exit-code" };
const LISTED = { fromListing: true };
const SEEN = { restartsSeen: 2 };
const RUN = { invocationId: runOf(1), runs: [runOf(1)] };
const IN_JOURNAL = { ...RUN, timeNs: LATE, number: 1, untilNs: undefined };

test.each<[string, UnitFacts, string, bigint, number | undefined, string[]]>([
  ["failed from active", factsOf("active/running"), "failed/failed", LATE, undefined, ["failure"]],
  ["failed again", factsOf("failed/failed"), "failed/failed", LATE, undefined, ["failure"]],
  ["failed as listed", factsOf("failed/failed", LISTED), "failed/failed", EARLY, undefined, []],
  ["failed, unknown before", NO_FACTS, "failed/failed", LATE, undefined, ["failure"]],
  ["failed, unknown and early", NO_FACTS, "failed/failed", EARLY, undefined, []],
  [
    "failed, in the journal",
    factsOf("active/running", { journalFailure: IN_JOURNAL }),
    "failed/failed",
    LATE,
    undefined,
    [],
  ],
  [
    "waits without having been failed",
    factsOf("active/running", FAILED),
    "activating/auto-restart",
    LATE,
    undefined,
    ["failure", "transition"],
  ],
  [
    "waits after success",
    factsOf("active/running"),
    "activating/auto-restart",
    LATE,
    undefined,
    ["transition"],
  ],
  ["repeats its state", factsOf("active/running"), "active/running", LATE, undefined, []],
  [
    "restarted",
    factsOf("activating/auto-restart", SEEN),
    "active/running",
    LATE,
    4,
    ["restart 2", "transition"],
  ],
  [
    "restarted, set back",
    factsOf("activating/auto-restart", SEEN),
    "active/running",
    LATE,
    1,
    ["restart 1", "transition"],
  ],
  ["runs, first number", factsOf("active/running"), "active/running", LATE, 7, []],
])("counts %s", (_what, facts, state, stateChangeNs, restarts, expected) => {
  const pending = { ...NO_PENDING, restarts };
  const signal = unitSignal(state, stateChangeNs);
  expect(kinds(foldSignal({ facts, pending }, signal, ATTACHED_NS).outcomes)).toEqual(expected);
});

test.each<[string, UnitFacts, string[] | undefined]>([
  ["new", factsOf("active/running"), ["failure"]],
  ["counted", factsOf("failed/failed", { lastFailure: IN_JOURNAL }), undefined],
])("counts a failure in the journal when it is %s", (_what, facts, expected) => {
  expect(kinds(foldEntry(facts, failure(LATE), { baselineNs: 0n })?.outcomes)).toEqual(expected);
});

test("counts no entry when counting began after it", () => {
  expect(
    foldEntry(factsOf("active/running"), restart(3, LATE), { baselineNs: LATE }),
  ).toBeUndefined();
  expect(kinds(foldEntry(NO_FACTS, restart(3, LATE), { baselineNs: EARLY })?.outcomes)).toEqual([
    "restart 1",
  ]);
});

test("counts a failure when the first listing shows one that nothing reported", () => {
  const row = unitRow("a.service", "failed", "failed");
  const listing = { asOfNs: LATE, attachedAtNs: ATTACHED_NS, afterGap: true };
  const facts = factsOf("active/running");
  expect(kinds(foldRow(facts, row, listing).outcomes)).toEqual(["failure"]);
  expect(kinds(foldRow(facts, row, { ...listing, afterGap: false }).outcomes)).toEqual([]);
});

test("recovers a start when the start time after a gap is another", () => {
  const facts = factsOf("active/running", { activeEnterNs: 100n });
  expect(foldStartTime(facts, 100n, true)).toBeUndefined();
  expect(foldStartTime(facts, LATE, false)?.outcomes).toEqual([]);
  expect(foldStartTime(facts, LATE, true)?.outcomes).toMatchObject([
    { kind: "transition", activeState: "active", recovered: true, timeNs: LATE },
  ]);
});

test("returns the same facts when nothing changed", () => {
  const facts = factsOf("active/running", { result: "success", exitStatus: 0 });
  expect(foldService({ facts, pending: NO_PENDING }, serviceSignal(LATE)).facts).toBe(facts);
  const listing = { asOfNs: LATE, attachedAtNs: ATTACHED_NS, afterGap: true };
  const row = unitRow("a.service", "active", "running");
  expect(foldRow(facts, row, listing).facts).toBe(facts);
});
