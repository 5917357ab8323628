import { expect, test } from "@jest/globals";
import type { StatusReport } from "../../src/domain/status.ts";
import type { Selection } from "../../src/http/handlers/status-page.ts";
import { writeReport } from "../../src/page/report.ts";
import type { ReportSources } from "../../src/page/report.ts";
import { inSlices } from "../../src/page/in-slices.ts";
import { rfc3339 } from "../../src/page/rfc3339.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { golden } from "../support/golden.ts";
import { goldenFleet } from "../support/golden-fleet.ts";
import { ChangeHistory } from "../../src/state/units/change-history.ts";
import { StatusFleet } from "../support/status-fleet.ts";
import { serviceSignal } from "../support/systemd-facts.ts";
import { journalLine } from "../support/journal-line.ts";

function sources(more: Partial<ReportSources> = {}): ReportSources {
  const { fleet } = goldenFleet();
  return {
    containers: () => fleet.containers(),
    watchesSystemd: () => true,
    lagOf: () => 0.0025,
    engine: () => ({ runtime: "docker", up: true, since: null, reconnects: 2, lagSeconds: null }),
    otlpQueue: () => ({ records: 3, bytes: 1_024, durable: true }),
    lastEventId: () => "42-abc",
    lastLinesOf: () => [],
    history: new ChangeHistory(() => 1_767_225_700_000_000_001n),
    nowNs: () => 1_767_225_700_000_000_001n,
    version: "1.2.3",
    ...more,
  };
}

const text = async (made: ReportSources, filter?: ReadonlySet<string>): Promise<string> =>
  (await inSlices(writeReport(made, filter))).toString();

test("writes the state in its documented shape", async () => {
  const report = JSON.parse(await text(sources())) as StatusReport;
  const shown = `${JSON.stringify(report, null, 2)}\n`;
  expect(shown).toBe(await golden("state.json", shown));
});

test("writes the named containers alone, with the summary of all", async () => {
  const whole = JSON.parse(await text(sources())) as StatusReport;
  const names = new Set(["sind-dev-controller", "missing"]);
  const part = JSON.parse(await text(sources(), names)) as StatusReport;
  expect(part.containers.map(({ name }) => name)).toEqual(["sind-dev-controller"]);
  expect(part.summary).toEqual(whole.summary);
  const none = JSON.parse(await text(sources(), new Set([""]))) as StatusReport;
  expect(none.containers).toEqual([]);
});

test("counts no container as a node when systemd isn't watched", async () => {
  const report = JSON.parse(await text(sources({ watchesSystemd: () => false }))) as StatusReport;
  expect(report.containers.filter(({ systemd }) => systemd !== null)).toEqual([]);
  expect(report.summary).toMatchObject({ nodes: 0, watched: 0, degraded: 0, failedUnits: 0 });
});

test("writes null when there is no queue", async () => {
  const report = JSON.parse(await text(sources({ otlpQueue: () => undefined }))) as StatusReport;
  expect(report.otlpQueue).toBeNull();
});

test("links the failures of units to the kill for lack of memory that caused them", async () => {
  const made = new StatusFleet();
  const record = made.node("web", { units: 1 });
  made.fails(record, "before.service", { result: "exit-code", exitStatus: 1 });
  made.happens("oom", "web");
  made.fails(record, "killed.service", { result: "signal", exitStatus: 9 });
  made.fails(record, "crashed.service", { result: "signal", exitStatus: 11 });
  made.fails(record, "known.service", { result: "oom-kill", exitStatus: 9 });
  const report = JSON.parse((await made.status.routes.state(undefined)).toString()) as StatusReport;
  const [container] = report.containers;
  expect(container?.lastOom?.units).toEqual(["killed.service", "known.service"]);
  expect(container?.units.filter(({ outOfMemory }) => outOfMemory).map(({ name }) => name)).toEqual(
    ["killed.service", "known.service"],
  );
});

test.each([
  ["252", "exit-code"],
  ["262", "start-limit-hit"],
])("reports that the start limit is reached, as systemd %s does", async (_, last) => {
  const made = new StatusFleet();
  const record = made.node("web", { units: 0 });
  const unit = "loop.service";
  const fails = (): void => {
    made.unit(record, { unit, activeState: "failed", subState: "failed", invocationId: "ab" });
  };
  made.fails(record, unit, { result: "exit-code" });
  made.unit(record, { unit, activeState: "activating", subState: "auto-restart" });
  const isStartLimitHit = async (): Promise<boolean | undefined> => {
    const body = (await made.status.routes.state(undefined)).toString();
    return (JSON.parse(body) as StatusReport).containers[0]?.units[0]?.startLimitHit;
  };
  made.unit(record, { unit, activeState: "active", subState: "running", invocationId: "ab" });
  fails();
  expect(await isStartLimitHit()).toBe(false);
  made.unit(record, {
    unit,
    activeState: "activating",
    subState: "auto-restart",
    invocationId: "ab",
  });
  expect(await isStartLimitHit()).toBe(false);
  record.systemd.take(serviceSignal({ unit, result: last, timeNs: 0n }));
  fails();
  expect(await isStartLimitHit()).toBe(true);
  made.unit(record, { unit, activeState: "active", subState: "running", invocationId: "cd" });
  expect(await isStartLimitHit()).toBe(false);
});

test("writes the named units alone, hidden ones too", async () => {
  const made = new StatusFleet({ args: ["--systemd.unit-exclude=service-1.*"] });
  made.node("web", { units: 3 });
  const unitsOf = async (selection: Selection): Promise<unknown> => {
    const body = (await made.status.routes.state(["web"], selection)).toString();
    const [container] = (JSON.parse(body) as StatusReport).containers;
    return container?.units.map(({ name }) => name);
  };
  expect(await unitsOf({})).toEqual(["service-0.service", "service-2.service"]);
  expect(await unitsOf({ units: ["service-1.service", "missing.service"] })).toEqual([
    "service-1.service",
  ]);
  expect(await unitsOf({ units: [""] })).toEqual([]);
});

test("writes the last lines of a named unit, and elsewhere only that there are some", async () => {
  const made = new StatusFleet();
  const { identity } = made.node("web", { units: 2 });
  const line = journalLine("\u001b[31mout of\nluck", {
    timeNs: 1_767_225_600_000_001_000n,
    priority: 3,
    pid: undefined,
  });
  const run = { unit: "service-0.service", invocationId: "" };
  made.status.linesRead({ identity, change: undefined, run, order: 1, lines: [line] });
  const unitsOf = async (selection: Selection) => {
    const body = (await made.status.routes.state(["web"], selection)).toString();
    return (JSON.parse(body) as StatusReport).containers[0]?.units ?? [];
  };
  const all = await unitsOf({});
  expect(all.map(({ hasLastLines }) => hasLastLines)).toEqual([true, false]);
  expect(all.map(({ lastLines }) => lastLines)).toEqual([undefined, undefined]);
  const named = await unitsOf({ units: ["service-0.service", "service-1.service"] });
  expect(named.map(({ lastLines }) => lastLines)).toEqual([
    [
      {
        time: "2026-01-01T00:00:00.000001000Z",
        priority: 3,
        identifier: "app",
        pid: null,
        message: "\u001b[31mout of\nluck",
      },
    ],
    [],
  ]);
});

test("writes what needs attention alone", async () => {
  const made = new StatusFleet();
  made.node("calm", { units: 3 });
  made.fails(made.node("bad", { units: 3 }), "a.service");
  made.happens("start", "gone");
  made.happens("die", "gone", { exitCode: "1" });
  made.happens("destroy", "gone");
  const body = (await made.status.routes.state(undefined, { attention: true })).toString();
  const { containers, summary } = JSON.parse(body) as StatusReport;
  expect(containers.map(({ name, units }) => [name, units.map((unit) => unit.name)])).toEqual([
    ["bad", ["a.service"]],
  ]);
  expect(summary.containers).toBe(2);
});

test("writes the last hour of named containers and units, and what else changed around a failure", async () => {
  const clock = new FakeClock();
  const made = new StatusFleet({ clock });
  const web = made.node("web", { units: 1 });
  const beganAt = rfc3339(clock.nowNs());
  await clock.advance(60_000);
  made.unit(web, { unit: "db.service", activeState: "inactive", subState: "dead" });
  await clock.advance(10_000);
  made.fails(web, "a.service", { result: "signal", exitStatus: 9 });
  const failedAt = rfc3339(clock.nowNs());
  const stateOf = async (names: string[] | undefined, selection: Selection) => {
    const body = (await made.status.routes.state(names, selection)).toString();
    return (JSON.parse(body) as StatusReport).containers[0];
  };
  const named = await stateOf(["web"], { units: ["a.service"] });
  expect(named?.units[0]?.history).toEqual({
    since: beganAt,
    changes: [
      expect.objectContaining({ kind: "unit.active", state: "active", previousState: null }),
      {
        kind: "unit.failed",
        unit: "a.service",
        count: 1,
        firstAt: failedAt,
        lastAt: failedAt,
        previousState: "active",
        state: "failed",
        result: "signal",
      },
    ],
  });
  expect(named?.units[0]?.around?.map(({ kind, unit }) => [kind, unit])).toEqual([
    ["unit.inactive", "db.service"],
    ["system.state", ""],
  ]);
  expect(named?.history?.changes.map(({ kind, unit }) => [kind, unit])).toEqual([
    ["container.start", ""],
    ["unit.failed", "a.service"],
    ["system.state", ""],
  ]);
  const container = await stateOf(["web"], {});
  expect(container?.history).toEqual(named?.history);
  expect(container?.units[0]).not.toHaveProperty("history");
  expect(await stateOf(undefined, {})).not.toHaveProperty("history");
});
