import { expect, test } from "@jest/globals";
import { readUnitExtras } from "../../src/app/unit-extras.ts";
import type { LinesQuery, ReadLines } from "../../src/domain/journal.ts";
import type { ReadingSource } from "../../src/domain/readings.ts";
import type { StatusReport } from "../../src/domain/status.ts";
import { StatusFleet } from "../support/status-fleet.ts";
import { unitRow } from "../support/systemd-facts.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { journalLine } from "../support/journal-line.ts";

const DESCRIPTION = {
  description: "Nightly",
  command: "/bin/sh",
  triggeredBy: ["a.timer"],
  triggers: [],
  nextRunNs: 1_800_000_000_000_000_000n,
  restartPolicy: "no",
  result: "exit-code",
  exitStatus: 203,
  stateChangeNs: 1_700_000_000_000_000_000n,
  mainPid: undefined,
  isMainKilled: false,
  memoryBytes: 4_096,
  memoryPeakBytes: undefined,
  memoryMaxBytes: undefined,
};
const LINE = journalLine("no such file", {
  timeNs: 1_700_000_000_000_000_000n,
  priority: 3,
  pid: 7,
  identifier: "sh",
  cursor: "c",
});

const readings = (describeUnit: ReadingSource["describeUnit"]): ReadingSource => ({
  readUnit: () => Promise.resolve(undefined),
  readManager: () => Promise.resolve(undefined),
  ...(describeUnit && { describeUnit }),
});

/** A unit that was failed when it was first listed. */
function failedBefore() {
  const queries: LinesQuery[] = [];
  const read: ReadLines = (query) => {
    queries.push(query);
    return Promise.resolve(query.runs.map((run) => ({ run, lines: [LINE], isComplete: true })));
  };
  const clock = new FakeClock();
  const source = { current: readings(() => Promise.resolve(DESCRIPTION)) };
  const watch = { linesOf: () => read, readingsOf: () => source.current };
  const made = new StatusFleet({
    clock,
    readExtras: (units, hasLines) => readUnitExtras(units, { watch, lines: 5, clock, hasLines }),
  });
  const record = made.node("web", { units: 0 });
  const rows = [unitRow("a.service", "failed", "failed")];
  record.systemd.take({ kind: "listed", rows, asOfNs: clock.nowNs() });
  const unit = async () => {
    const body = await made.status.routes.state(["web"], { units: ["a.service"] });
    return (JSON.parse(body.toString()) as StatusReport).containers[0]?.units[0];
  };
  return { clock, made, queries, source, unit };
}

test("adds to a named unit what systemd and its journal have", async () => {
  const { queries, unit } = failedBefore();
  expect(await unit()).toMatchObject({
    result: "exit-code",
    exitCode: 203,
    endedWith: "203/EXEC",
    since: "2023-11-14T22:13:20.000000000Z",
    details: {
      description: "Nightly",
      command: "/bin/sh",
      triggeredBy: ["a.timer"],
      nextRunAt: "2027-01-15T08:00:00.000000000Z",
      memoryBytes: 4_096,
      memoryMaxBytes: null,
    },
    lastLines: [{ message: "no such file", priority: 3, pid: 7, identifier: "sh" }],
  });
  expect(queries).toMatchObject([{ runs: [{ unit: "a.service", invocationId: "" }], lines: 5 }]);
});

test("says which process of a unit was killed for lack of memory, and its limit", async () => {
  const { source, unit } = failedBefore();
  const killed = { result: "oom-kill", exitStatus: 9, mainPid: 71, memoryMaxBytes: 33_554_432 };
  const say = (more: object) => {
    source.current = readings(() => Promise.resolve({ ...DESCRIPTION, ...killed, ...more }));
    return unit();
  };
  expect((await say({ isMainKilled: true }))?.oomKill).toEqual({
    process: "/bin/sh",
    pid: 71,
    limitBytes: 33_554_432,
    knownBy: "systemd",
  });
  expect((await say({ isMainKilled: true, exitStatus: 15 }))?.oomKill).toEqual({
    process: null,
    pid: null,
    limitBytes: 33_554_432,
    knownBy: "systemd",
  });
  expect((await say({ result: "signal" }))?.oomKill).toBeNull();
});

test("queries nothing for a state that names no units", async () => {
  const { made, queries } = failedBefore();
  const body = await made.status.routes.state(["web"]);
  const [container] = (JSON.parse(body.toString()) as StatusReport).containers;
  expect(container?.units[0]).not.toHaveProperty("details");
  expect(queries).toEqual([]);
});

test("answers without what a silent systemd, or one that fails, doesn't say", async () => {
  const { clock, source, unit } = failedBefore();
  source.current = readings(() => Promise.reject(new Error("ended")));
  expect(await unit()).toMatchObject({ result: null, details: null, lastLines: [{ pid: 7 }] });
  source.current = readings(() => new Promise(() => {}));
  const answer = unit();
  await clock.advance(3_000);
  expect(await answer).toMatchObject({ details: null, lastLines: [] });
});

test("adds why a unit failed before the watch to what needs attention, without its lines", async () => {
  const { made, queries } = failedBefore();
  const body = await made.status.routes.state(undefined, { attention: true });
  const [container] = (JSON.parse(body.toString()) as StatusReport).containers;
  expect(container?.units).toMatchObject([
    { name: "a.service", result: "exit-code", exitCode: 203, endedWith: "203/EXEC" },
  ]);
  expect(queries).toEqual([]);
});
