import { expect, test } from "@jest/globals";
import type { StatusReport } from "../../src/domain/status.ts";
import { writeReport } from "../../src/page/fleet-report.ts";
import type { ReportSources } from "../../src/page/fleet-report.ts";
import { inSlices } from "../../src/page/in-slices.ts";
import { golden } from "../support/golden.ts";
import { goldenFleet } from "../support/golden-fleet.ts";

function sources(more: Partial<ReportSources> = {}): ReportSources {
  const { fleet } = goldenFleet();
  return {
    containers: () => fleet.containers(),
    watchesSystemd: true,
    lagOf: () => 0.0025,
    engine: () => ({ runtime: "docker", up: true, since: null, reconnects: 2, lagSeconds: null }),
    otlpQueue: () => ({ records: 3, bytes: 1_024 }),
    lastEventId: () => "42-abc",
    nowNs: () => 1_767_225_700_000_000_001n,
    version: "1.2.3",
    ...more,
  };
}

const text = async (made: ReportSources, filter?: ReadonlySet<string>): Promise<string> =>
  (await inSlices(writeReport(made, filter))).toString();

test("the state has the shape that is promised", async () => {
  const report = JSON.parse(await text(sources())) as StatusReport;
  const shown = `${JSON.stringify(report, null, 2)}\n`;
  expect(shown).toBe(await golden("state.json", shown));
});

test("containers can be named; the whole is told whatever they are", async () => {
  const whole = JSON.parse(await text(sources())) as StatusReport;
  const names = new Set(["sind-dev-controller", "nobody"]);
  const part = JSON.parse(await text(sources(), names)) as StatusReport;
  expect(part.containers.map(({ name }) => name)).toEqual(["sind-dev-controller"]);
  expect(part.summary).toEqual(whole.summary);
  const none = JSON.parse(await text(sources(), new Set([""]))) as StatusReport;
  expect(none.containers).toEqual([]);
});

test("where systemd isn't watched at all, no container is a node", async () => {
  const report = JSON.parse(await text(sources({ watchesSystemd: false }))) as StatusReport;
  expect(report.containers.filter(({ systemd }) => systemd !== null)).toEqual([]);
  expect(report.summary).toMatchObject({ nodes: 0, watched: 0, degraded: 0, failedUnits: 0 });
});

test("without a queue there is none", async () => {
  const report = JSON.parse(await text(sources({ otlpQueue: () => undefined }))) as StatusReport;
  expect(report.otlpQueue).toBeNull();
});
