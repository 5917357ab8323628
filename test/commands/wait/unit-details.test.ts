import { beforeEach, expect, test } from "@jest/globals";
import { findingsOf, type Missing } from "../../../src/commands/wait/findings.ts";
import { outcomeText } from "../../../src/commands/wait/outcome-text.ts";
import { readUnitDetails } from "../../../src/commands/wait/unit-details.ts";
import type { LinesQuery, ReadLines } from "../../../src/domain/journal.ts";
import type { ReadingSource } from "../../../src/domain/readings.ts";
import type { UnitDescription } from "../../../src/domain/unit-description.ts";
import { active, failed, NOTHING, WaitedFleet } from "../../support/waited-fleet.ts";
import { journalLine } from "../../support/journal-line.ts";

let fleet: WaitedFleet;
let queries: LinesQuery[];
let read: ReadLines | undefined;
let readings: ReadingSource | undefined;

beforeEach(() => {
  fleet = new WaitedFleet();
  queries = [];
  readings = undefined;
  read = async (query) => {
    queries.push(query);
    return query.runs.map((run) => ({
      run,
      lines: [journalLine(`of ${run.unit}`)],
      isComplete: true,
    }));
  };
});

function described(result: string | undefined, exitStatus: number): UnitDescription {
  return {
    description: "",
    command: "",
    triggeredBy: [],
    triggers: [],
    nextRunNs: 0n,
    restartPolicy: undefined,
    result,
    exitStatus,
    stateChangeNs: 0n,
    mainPid: undefined,
    isMainKilled: false,
    memoryBytes: undefined,
    memoryPeakBytes: undefined,
    memoryMaxBytes: undefined,
  };
}

function missingOf(units: readonly string[], system = false): readonly Missing[] {
  return findingsOf(
    {
      ...NOTHING,
      containers: ["a"],
      units: units.map((unit) => ({ unit, states: ["active"] })),
      system: system ? ["running"] : undefined,
    },
    fleet.view,
  ).missing;
}

/** Returns what is printed below the first line. */
async function printed(missing: readonly Missing[]): Promise<readonly string[]> {
  const details = await readUnitDetails(missing, {
    linesOf: () => read,
    readingsOf: () => readings,
    lines: 7,
    clock: fleet.clock,
    signal: new AbortController().signal,
  });
  const text = outcomeText({ kind: "final", afterMs: 0, missing }, "", details);
  return text.trimEnd().split("\n").slice(1);
}

test("prints result, exit status and last lines of a unit that failed", async () => {
  const record = fleet.node("a", [active("b.service")]);
  fleet.unit(record, failed("b.service"), "exit-code");
  expect(await printed(missingOf(["b.service"]))).toEqual([
    "  a: b.service is failed (exit-code), expected active",
    "    result exit-code",
    "    2026-12-01T01:54:12.226Z app[151]: of b.service",
  ]);
  expect(queries).toMatchObject([{ lines: 7, runs: [{ unit: "b.service", invocationId: "" }] }]);
});

test("prints the lines of a unit that isn't failed, or was when it was listed", async () => {
  fleet.node("a", [failed("b.service"), { ...active("c.service"), activeState: "activating" }]);
  expect(await printed(missingOf(["b.service", "c.service"]))).toEqual([
    expect.stringContaining("b.service is failed"),
    expect.stringMatching(/^ {4}\S+ app\[151\]: of b\.service$/),
    expect.stringContaining("c.service is activating"),
    expect.stringMatching(/^ {4}\S+ app\[151\]: of c\.service$/),
  ]);
});

test("queries how a unit ended that was failed when it was listed", async () => {
  fleet.node("a", [failed("b.service"), failed("c.service")], "degraded");
  const results: Record<string, string> = { "b.service": "exit-code", "c.service": "oom-kill" };
  readings = {
    readUnit: async () => undefined,
    readManager: async () => undefined,
    describeUnit: async (unit) => described(results[unit], unit === "b.service" ? 7 : 9),
  };
  const text = (await printed(missingOf(["b.service"], true))).join("\n");
  expect(text).toMatch(/b\.service is failed.*\n {4}result exit-code, exit status 7\n/);
  expect(text).toMatch(/^ {4}c\.service: result oom-kill, SIGKILL$/m);
});

test("prints the units that made systemd degraded, each once", async () => {
  fleet.node("a", [failed("b.service"), failed("c.service"), failed("d.service")], "degraded");
  expect(await printed(missingOf(["b.service"], true))).toEqual([
    expect.stringContaining("b.service is failed"),
    expect.stringContaining("of b.service"),
    expect.stringContaining("systemd is degraded: b.service, c.service, d.service failed"),
    "    c.service:",
    expect.stringContaining("of c.service"),
    "    d.service:",
    expect.stringContaining("of d.service"),
  ]);
});

test("asks again about a unit if lines of others left no room for its own", async () => {
  fleet.node("a", [failed("b.service"), failed("c.service")], "degraded");
  read = async (query) => {
    queries.push(query);
    const isAlone = query.runs.length === 1;
    return query.runs.map((run) => {
      const isComplete = isAlone || run.unit === "b.service";
      return { run, lines: [journalLine(`${isAlone ? "alone " : ""}${run.unit}`)], isComplete };
    });
  };
  const text = (await printed(missingOf([], true))).join("\n");
  expect(text).toMatch(/: b\.service$/m);
  expect(text).toMatch(/: alone c\.service$/m);
  expect(queries).toHaveLength(2);
});

test("prints why lines are unavailable", async () => {
  fleet.node("a", [failed("b.service")]);
  read = () => Promise.reject(new Error("no journald runs"));
  expect((await printed(missingOf(["b.service"]))).slice(1)).toEqual([
    "    last lines unavailable: no journald runs",
  ]);
  read = undefined;
  expect((await printed(missingOf(["b.service"]))).slice(1)).toEqual([]);
});

test("lets no control character and no endless entry through to a terminal", async () => {
  fleet.node("a", [failed("b.service")]);
  const message = `\u001B[31mred\u001B[0m\r\n\u009B2Jtwo\ttabs\n${"x\n".repeat(1_000)}`;
  read = async ({ runs }) =>
    runs.map((run) => ({ run, lines: [journalLine(message)], isComplete: true }));
  const [, first, second, ...rest] = await printed(missingOf(["b.service"]));
  expect(first).toMatch(/app\[151\]: \\u001b\[31mred\\u001b\[0m$/);
  expect(second).toBe(String.raw`    \u009b2Jtwo tabs`);
  expect(rest).toHaveLength(19);
  expect(rest.at(-1)).toBe("    and 982 more lines");
});

test("reads nothing for a container, or a unit that isn't loaded", async () => {
  fleet.node("a", []);
  expect(await printed(missingOf(["b.service"]))).toEqual([
    "  a: b.service isn't loaded, expected active",
  ]);
  expect(queries).toEqual([]);
});
