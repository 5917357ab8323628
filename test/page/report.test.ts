import { expect, test } from "@jest/globals";
import type { StatusReport } from "../../src/domain/status.ts";
import { writeReport } from "../../src/page/report.ts";
import type { ReportSources } from "../../src/page/report.ts";
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
  const report = JSON.parse(await text(sources({ watchesSystemd: false }))) as StatusReport;
  expect(report.containers.filter(({ systemd }) => systemd !== null)).toEqual([]);
  expect(report.summary).toMatchObject({ nodes: 0, watched: 0, degraded: 0, failedUnits: 0 });
});

test("writes null when there is no queue", async () => {
  const report = JSON.parse(await text(sources({ otlpQueue: () => undefined }))) as StatusReport;
  expect(report.otlpQueue).toBeNull();
});
