import { expect, test } from "@jest/globals";
import { eventReport } from "../../src/app/event-report.ts";
import { INSTANCE } from "../../src/app/event-report.ts";
import { Lags } from "../../src/app/status.ts";
import type { EventReport, StatusReport } from "../../src/domain/status.ts";
import { logRecordOf } from "../../src/logs/log-record.ts";
import { containerChange, monitorChange, unitChange } from "../support/changes.ts";
import { StatusFleet } from "../support/status-fleet.ts";

test("reports a change as its log record does", () => {
  const change = unitChange("unit.failed", {
    detail: "ActiveState=failed",
    activeState: "failed",
    subState: "failed",
    previousState: "active",
    result: "signal",
    exitCode: 9,
  });
  const record = logRecordOf(change, { observedNs: 1n, instance: INSTANCE });
  expect(eventReport(change)).toEqual({
    kind: "unit.failed",
    time: "2026-11-22T11:02:19.060434057Z",
    severity: "ERROR",
    container: "sind-dev-worker-0",
    node: "worker-0",
    cluster: "dev",
    unit: "slurmd.service",
    message: "Unit slurmd.service in sind-dev-worker-0 failed: signal, status 9.",
    detail: "ActiveState=failed",
    recovered: false,
    uid: record.attributes?.["log.record.uid"],
    attributes: expect.objectContaining({
      "event.name": "systemd.unit.failed",
      "systemd.service.result": "signal",
    }),
  });
});

test("reports no container when the change is of the engine's watch", () => {
  const change = monitorChange("monitor.lost", { identity: undefined, container: "", node: "" });
  expect(eventReport(change)).toMatchObject({ container: "", node: "", cluster: "", unit: "" });
});

test("keeps one lag a watch, without recovered changes", () => {
  const lags = new Lags();
  const unit = unitChange("unit.active");
  const { id } = unit.identity;
  lags.changed(unit, unit.timeNs + 2_000_000n);
  lags.changed({ ...unit, recovered: true }, unit.timeNs + 10n ** 12n);
  lags.changed(monitorChange("monitor.lost"), unit.timeNs + 10n ** 12n);
  expect([lags.of(id), lags.engine]).toEqual([0.002, undefined]);
  lags.changed(containerChange("container.start"), unit.timeNs - 5n);
  expect([lags.of(id), lags.engine]).toEqual([0.002, 0]);
  lags.changed(containerChange("container.destroy"), unit.timeNs);
  expect(lags.of(id)).toBeUndefined();
});

test("includes every event up to lastEventId in the state", async () => {
  const made = new StatusFleet();
  const record = made.node("a", { units: 2 });
  made.fails(record, "x.service", { result: "signal", exitStatus: 9 });
  const report = JSON.parse((await made.status.routes.state(undefined)).toString()) as StatusReport;
  const { events } = made.status.routes;
  expect(report.lastEventId).toBe(events.lastId);
  expect(report.containers[0]?.units.find(({ name }) => name === "x.service")).toMatchObject({
    activeState: "failed",
    result: "signal",
    exitCode: 9,
    failures: { signal: 1 },
  });
  expect(report.containers[0]?.systemd).toMatchObject({
    up: true,
    transport: "dbus",
    lagSeconds: expect.any(Number),
  });
  const kinds = events.newest(10).map((data) => (JSON.parse(data) as EventReport).kind);
  expect(kinds).toContain("unit.failed");
});
