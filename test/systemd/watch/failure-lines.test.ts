import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { UnitChange } from "../../../src/domain/change.ts";
import type { FailedRun, JournalLine, LinesQuery, RunLines } from "../../../src/domain/journal.ts";
import { FailureLines } from "../../../src/systemd/watch/failure-lines.ts";
import { containerChange, unitChange } from "../../support/changes.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { StatusFleet } from "../../support/status-fleet.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import { turns } from "../../support/turns.ts";
import { journalLine } from "../../support/journal-line.ts";

type Answer = (query: LinesQuery) => readonly RunLines[] | Promise<readonly RunLines[]>;

let clock: FakeClock;
let queries: { readonly atMs: number; readonly query: LinesQuery }[];
let found: FailedRun[];
let dropped: Record<string, number>;
let answer: Answer;
let lines: FailureLines;
let log: ReturnType<typeof recordedLog>;

beforeEach(() => {
  clock = new FakeClock();
  queries = [];
  found = [];
  dropped = {};
  answer = ({ runs }) =>
    runs.map((run) => ({ run, lines: [line(run.invocationId)], isComplete: true }));
  log = recordedLog(clock);
  lines = new FailureLines({
    linesOf: () => async (query) => {
      queries.push({ atMs: clock.monotonicMs(), query });
      return answer(query);
    },
    recordOf: () => undefined,
    lines: 20,
    found: (failed) => found.push(failed),
    dropped: (stage, count) => (dropped[stage] = (dropped[stage] ?? 0) + count),
    clock,
    log: log.log,
  });
});
afterEach(() => lines[Symbol.dispose]());

let cursors = 0;
function line(message: string, more: Partial<JournalLine> = {}): JournalLine {
  cursors += 1;
  return journalLine(message, { timeNs: BigInt(cursors), cursor: `i=${cursors}`, ...more });
}

/** Number `failure` of run `run` of a unit. */
function failed(run: number, failure = 1, more: Partial<UnitChange> = {}): UnitChange {
  return unitChange("unit.failed", { run: `run-${run} failure ${failure}`, ...more });
}

function shown(): readonly (readonly string[])[] {
  return found.map(({ change, lines: own }) => [
    change !== undefined && "run" in change ? change.run : "none",
    ...own.map(({ message }) => message),
  ]);
}

async function advance(ms: number): Promise<void> {
  await clock.advance(ms);
  await turns();
}

test("asks a moment after a failure, and links its lines to it", async () => {
  lines.changed(unitChange("unit.active"));
  lines.changed(failed(1));
  await advance(199);
  expect(queries).toEqual([]);
  await advance(1);
  expect(queries).toMatchObject([{ query: { lines: 20, runs: [{ invocationId: "run-1" }] } }]);
  expect(shown()).toEqual([["run-1 failure 1", "run-1"]]);
  await advance(10_000);
  expect(queries).toHaveLength(1);
});

test("asks once a second about all runs that failed meanwhile", async () => {
  for (let run = 1; run <= 40; run += 1) {
    lines.changed(failed(run));
    await advance(100);
  }
  await advance(5_000);
  expect(queries.length).toBeLessThanOrEqual(6);
  const starts = queries.map(({ atMs }) => atMs);
  const gaps = starts.slice(1).map((atMs, at) => atMs - (starts[at] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  expect(found).toHaveLength(40);
  expect(dropped).toEqual({});
});

test("leaves out the oldest of too many runs, and counts them exactly", async () => {
  for (let run = 1; run <= 500; run += 1) lines.changed(failed(run));
  for (let second = 0; second < 10; second += 1) await advance(1_000);
  expect(dropped).toEqual({ journal_runs: 500 - 64 });
  expect(shown().map(([run]) => run)).toEqual(
    Array.from({ length: 64 }, (_, at) => `run-${437 + at} failure 1`),
  );
  expect(queries.map(({ query }) => query.runs.length)).toEqual([16, 16, 16, 16]);
});

test("divides the lines of one run among its failures", async () => {
  answer = ({ runs }) => [
    {
      run: runs[0] ?? { unit: "", invocationId: "" },
      lines: [
        line("a"),
        line("failed", { isFailure: true }),
        line("limit"),
        line("again", { isFailure: true }),
        line("end"),
      ],
      isComplete: true,
    },
  ];
  lines.changed(failed(1));
  lines.changed(failed(1, 2));
  await advance(200);
  expect(shown()).toEqual([
    ["run-1 failure 1", "a", "failed"],
    ["run-1 failure 2", "limit", "again", "end"],
  ]);
});

test("repeats no line when a run fails again later", async () => {
  const first = [line("a"), line("failed", { isFailure: true })];
  const second = [line("again", { isFailure: true })];
  let all = first;
  answer = ({ runs: [run = { unit: "", invocationId: "" }] }) => [
    { run, lines: all, isComplete: true },
  ];
  lines.changed(failed(1));
  await advance(200);
  all = [...first, ...second];
  lines.changed(failed(1, 2));
  await advance(1_000);
  expect(shown()).toEqual([
    ["run-1 failure 1", "a", "failed"],
    ["run-1 failure 2", "again"],
  ]);
});

test("has a failure that comes while its run is read in the next question", async () => {
  const first = Promise.withResolvers<readonly RunLines[]>();
  const own = answer;
  answer = () => first.promise;
  lines.changed(failed(1));
  await advance(200);
  lines.changed(failed(1, 2));
  answer = own;
  first.resolve([
    { run: { unit: "", invocationId: "run-1" }, lines: [line("a")], isComplete: true },
  ]);
  await advance(1_000);
  expect(shown()).toEqual([
    ["run-1 failure 1", "a"],
    ["run-1 failure 2", "run-1"],
  ]);
});

test("asks again about runs without other lines, then alone, if others left no room", async () => {
  answer = ({ runs, isExact }) =>
    runs.map((run) => ({
      run,
      lines: [line(`${run.invocationId} ${isExact === true}`)],
      isComplete:
        run.invocationId === "run-1" || (isExact === true && run.invocationId === "run-2"),
    }));
  for (const run of [1, 2, 3]) lines.changed(failed(run));
  await advance(200);
  for (const _ of [1, 2]) await advance(1_000);
  expect(queries.map(({ query }) => [query.runs.length, query.isExact])).toEqual([
    [3, false],
    [2, true],
    [1, true],
  ]);
  // The last answer is all that there is.
  expect(shown()).toEqual([
    ["run-1 failure 1", "run-1 false"],
    ["run-2 failure 1", "run-2 true"],
    ["run-3 failure 1", "run-3 true"],
  ]);
});

test("asks for no lines without a run in a flood", async () => {
  for (let run = 1; run <= 17; run += 1) lines.changed(failed(run));
  await advance(200);
  expect(queries.map(({ query }) => query.isExact)).toEqual([true]);
  expect(queries[0]?.query.untilNs).toBe(failed(16).timeNs + 500_000_000n);
});

test("tries for a minute while the journal can't be read, less and less often", async () => {
  answer = () => Promise.reject(new Error("the container is paused"));
  lines.changed(failed(1));
  for (let second = 0; second < 90; second += 1) await advance(1_000);
  expect(queries.length).toBeGreaterThan(4);
  expect(queries.length).toBeLessThan(14);
  expect(dropped).toEqual({ journal_runs: 1 });
  expect(clock.pendingTimers).toBe(0);
  expect(log.lines[0]).toMatch(/msg="last lines of failed unit unavailable"/);
});

test("has the lines when the journal can be read again", async () => {
  const own = answer;
  answer = () => Promise.reject(new Error("the container is paused"));
  lines.changed(failed(1));
  await advance(200);
  answer = own;
  lines.changed(failed(2));
  await advance(2_000);
  expect(shown()).toEqual([
    ["run-1 failure 1", "run-1"],
    ["run-2 failure 1", "run-2"],
  ]);
  expect(dropped).toEqual({});
});

test("doesn't try again where there is no journal", async () => {
  answer = () => Promise.reject(Object.assign(new Error("no journalctl"), { isFinal: true }));
  lines.changed(failed(1));
  await advance(200);
  expect(dropped).toEqual({ journal_runs: 1 });
  await advance(10_000);
  expect(queries).toHaveLength(1);
});

test("counts a failure of which no run is known, and those of a removed container", async () => {
  lines.changed(failed(1, 1, { recovered: true, run: "" }));
  expect(dropped).toEqual({ journal_runs: 1 });
  lines.changed(failed(2));
  lines.changed(containerChange("container.destroy"));
  expect(dropped).toEqual({ journal_runs: 2 });
  await advance(10_000);
  expect(queries).toEqual([]);
});

test("has the lines of units that had failed when the container was listed, once", async () => {
  const made = new StatusFleet();
  const record = made.node("a", { units: 1 });
  const rows = [
    unitRow("bad.service", "failed", "failed"),
    unitRow("good.service", "active", "running"),
  ];
  record.systemd.take({ kind: "listed", rows, asOfNs: clock.nowNs() });
  lines.listed(record);
  lines.listed(record);
  await advance(200);
  expect(queries).toMatchObject([{ query: { runs: [{ unit: "bad.service" }] } }]);
  expect(found).toMatchObject([{ change: undefined, identity: { name: "a" } }]);
  await advance(10_000);
  expect(queries).toHaveLength(1);
});

test("counts lines that aren't what was logged", async () => {
  answer = ({ runs: [run = { unit: "", invocationId: "" }] }) => [
    { run, lines: [line("a", { isAltered: true }), line("b")], isComplete: true },
  ];
  lines.changed(failed(1));
  await advance(200);
  expect(dropped).toEqual({ journal_entries: 1 });
});

test("asks four containers at once, and the others later", async () => {
  const open: (() => void)[] = [];
  answer = ({ runs }) =>
    new Promise((resolve) => {
      open.push(() => resolve(runs.map((run) => ({ run, lines: [line("a")], isComplete: true }))));
    });
  for (let at = 0; at < 6; at += 1) {
    const change = failed(at);
    lines.changed({ ...change, identity: { ...change.identity, id: String(at) } });
  }
  await advance(200);
  expect(queries).toHaveLength(4);
  open[0]?.();
  await turns();
  expect(queries).toHaveLength(5);
  for (const resolve of open) resolve();
  await turns();
  open.at(-1)?.();
  await turns();
  expect(found).toHaveLength(6);
});

test("says which run failed first if its lines come last", async () => {
  let asked = 0;
  answer = ({ runs }) => {
    asked += 1;
    return runs.map((run) => {
      const isComplete = asked > 1 || run.invocationId !== "run-1";
      return { run, lines: [line(run.invocationId)], isComplete };
    });
  };
  lines.changed(failed(1));
  lines.changed(failed(2));
  await advance(5_000);
  expect(found.map(({ run, order }) => [run.invocationId, order])).toEqual([
    ["run-2", 2],
    ["run-1", 1],
  ]);
});
