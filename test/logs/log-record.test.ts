import type { LogRecord } from "@opentelemetry/api";
import { expect, test } from "@jest/globals";
import type { Change } from "../../src/domain/change.ts";
import { EventKind } from "../../src/domain/event.ts";
import { eventNameOf, logRecordOf } from "../../src/logs/log-record.ts";
import {
  containerChange,
  dieChange,
  healthChange,
  monitorChange,
  softRebootChange,
  systemChange,
  unitChange,
} from "../support/changes.ts";
import { identityOf, idOf } from "../support/engine-facts.ts";

function recordOf(change: Change, instance = "here"): LogRecord {
  return logRecordOf(change, { observedNs: 1_795_345_340_000_000_001n, instance });
}

function uidOf(change: Change, instance?: string): unknown {
  return recordOf(change, instance).attributes?.["log.record.uid"];
}

const CONTAINER = {
  "container.id": idOf("sind-dev-worker-0"),
  "container.name": "sind-dev-worker-0",
  "container.image.name": "sind/slurm:24.11",
  "container.runtime.name": "docker",
  "unitwatch.cluster": "dev",
  "unitwatch.node": "worker-0",
};
const UNIT = { "systemd.unit.name": "slurmd.service", "systemd.unit.type": "service" };

const FAILED = unitChange("unit.failed", {
  activeState: "failed",
  subState: "failed",
  previousState: "active",
  result: "exit-code",
  exitCode: 3,
});

/** A change, its event name, and its attributes besides those of the container. */
const CASES: readonly (readonly [Change, string, Readonly<Record<string, unknown>>])[] = [
  [containerChange("container.create"), "docker.container.create", {}],
  [containerChange("container.start"), "docker.container.start", {}],
  [containerChange("container.stop"), "docker.container.stop", {}],
  [dieChange(137), "docker.container.die", { "process.exit.code": 137, "error.type": "137" }],
  [dieChange(undefined), "docker.container.die", {}],
  [containerChange("container.oom"), "docker.container.oom", { "error.type": "oom" }],
  [containerChange("container.pause"), "docker.container.pause", {}],
  [containerChange("container.unpause"), "docker.container.unpause", {}],
  [containerChange("container.destroy"), "docker.container.destroy", {}],
  [containerChange("container.restart"), "docker.container.restart", {}],
  [healthChange("unhealthy"), "docker.container.health", { "error.type": "unhealthy" }],
  [
    FAILED,
    "systemd.unit.failed",
    {
      ...UNIT,
      "systemd.unit.active_state": "failed",
      "systemd.unit.sub_state": "failed",
      "systemd.unit.previous_state": "active",
      "systemd.service.result": "exit-code",
      "error.type": "exit-code",
      "process.exit.code": 3,
    },
  ],
  [
    unitChange("unit.failed", { activeState: "failed", result: "signal", exitCode: 9 }),
    "systemd.unit.failed",
    {
      ...UNIT,
      "systemd.unit.active_state": "failed",
      "systemd.service.result": "signal",
      "error.type": "signal",
    },
  ],
  [
    unitChange("unit.restart", { activeState: "activating", restarts: 4, result: "exit-code" }),
    "systemd.unit.restart",
    {
      ...UNIT,
      "systemd.unit.active_state": "activating",
      "systemd.service.restarts": 4,
      "systemd.service.result": "exit-code",
    },
  ],
  [
    unitChange("unit.active", { activeState: "active", subState: "running" }),
    "systemd.unit.active",
    { ...UNIT, "systemd.unit.active_state": "active", "systemd.unit.sub_state": "running" },
  ],
  [unitChange("unit.inactive", { subState: "" }), "systemd.unit.inactive", UNIT],
  [unitChange("unit.activating"), "systemd.unit.activating", UNIT],
  [unitChange("unit.deactivating"), "systemd.unit.deactivating", UNIT],
  [unitChange("unit.reloading"), "systemd.unit.reloading", UNIT],
  [unitChange("unit.removed"), "systemd.unit.removed", UNIT],
  [systemChange("degraded", "running"), "systemd.system.state", {}],
  [softRebootChange(), "systemd.system.soft_reboot", {}],
  [monitorChange("monitor.lost"), "unitwatch.monitor.lost", {}],
  [monitorChange("monitor.recovered"), "unitwatch.monitor.recovered", {}],
  [monitorChange("monitor.error"), "unitwatch.monitor.error", {}],
];

test("has a case for every kind", () => {
  const kinds = new Set(CASES.map(([{ kind }]) => kind));
  expect([...kinds].sort()).toEqual(Object.values(EventKind).sort());
});

test.each(CASES)("%j: event name and attributes", (change, eventName, attributes) => {
  const record = recordOf(change);
  expect(eventNameOf(change)).toBe(eventName);
  expect(record.eventName).toBe(eventName);
  expect(record.attributes).toEqual({
    ...CONTAINER,
    ...attributes,
    "event.name": eventName,
    "unitwatch.recovered": false,
    "log.record.uid": expect.stringMatching(/^[0-9a-f]{32}$/),
  });
});

test("has a type of error if its severity is ERROR, and no other", () => {
  const typeOf = (change: Change): unknown => recordOf(change).attributes?.["error.type"];
  expect([143, 0, 1].map((code) => typeOf(dieChange(code)))).toEqual([undefined, undefined, "1"]);
  expect(typeOf(healthChange("healthy"))).toBeUndefined();
  for (const [change] of CASES) {
    if (typeOf(change) !== undefined) expect(recordOf(change).severityText).toBe("ERROR");
  }
});

test("has flat scalars as attributes", () => {
  for (const [change] of CASES) {
    for (const value of Object.values(recordOf(change).attributes ?? {})) {
      expect(["string", "number", "boolean"]).toContain(typeof value);
    }
  }
});

test("keeps times exact to the nanosecond", () => {
  expect(recordOf(FAILED)).toMatchObject({
    timestamp: [1_795_345_339, 60_434_057],
    observedTimestamp: [1_795_345_340, 1],
  });
  const atNs = (timeNs: bigint): unknown => recordOf({ ...FAILED, timeNs }).timestamp;
  expect(atNs(0n)).toEqual([0, 0]);
  expect(atNs(999_999_999n)).toEqual([0, 999_999_999]);
  expect(atNs(2_000_000_000n)).toEqual([2, 0]);
});

test("has severity number and text, and a sentence as body", () => {
  expect(recordOf(FAILED)).toMatchObject({
    severityNumber: 17,
    severityText: "ERROR",
    body: "Unit slurmd.service in sind-dev-worker-0 failed: exit-code, exit status 3.",
  });
});

test("marks a recovered change", () => {
  const record = recordOf({ ...FAILED, recovered: true });
  expect(record.attributes?.["unitwatch.recovered"]).toBe(true);
  expect(record.body).toMatch(/ \(found later\)\.$/);
});

test("has no container attributes for the engine's watch", () => {
  const change = monitorChange("monitor.lost", { identity: undefined, container: "", node: "" });
  expect(recordOf(change).attributes).toEqual({
    "event.name": "unitwatch.monitor.lost",
    "unitwatch.recovered": false,
    "log.record.uid": expect.any(String),
  });
});

test("gives a change the same uid in every process", () => {
  expect(uidOf(FAILED, "one")).toBe(uidOf({ ...FAILED }, "other"));
  expect(uidOf({ ...FAILED, recovered: true })).toBe(uidOf(FAILED));
});

test("gives different changes different uids", () => {
  const second = identityOf("sind-dev-worker-0", { id: "another life under this name" });
  const changes: Change[] = [
    ...CASES.map(([change]) => change),
    { ...FAILED, timeNs: FAILED.timeNs + 1n },
    { ...FAILED, unit: "sshd.service" },
    { ...FAILED, identity: second },
    dieChange(1),
    monitorChange("monitor.lost", { identity: second }),
    monitorChange("monitor.lost", { identity: undefined }),
    containerChange("container.restart", { detail: "restartCount=1" }),
    containerChange("container.restart", { detail: "restartCount=2" }),
  ];
  const unlike = changes.filter((change) => change !== CASES[11]?.[0]);
  expect(new Set(unlike.map((change) => uidOf(change))).size).toBe(unlike.length);
});

test("separates the parts of a uid", () => {
  const one = unitChange("unit.active", { unit: "a1", timeNs: 2n });
  const other = unitChange("unit.active", { unit: "a", timeNs: 12n });
  expect(uidOf(one)).not.toBe(uidOf(other));
});

test("gives a failure one uid from signal and journal", () => {
  const run = "0123456789abcdef0123456789abcdef failure 1";
  const bySignal = { ...FAILED, run, activeState: "activating", detail: "ActiveState=activating" };
  const byJournal = { ...FAILED, run, timeNs: FAILED.timeNs - 400_000n, recovered: true };
  expect(uidOf(byJournal)).toBe(uidOf(bySignal as Change));
  expect(uidOf({ ...byJournal, run: run.replace(/1$/, "2") })).not.toBe(uidOf(byJournal));
  expect(uidOf({ ...byJournal, identity: identityOf("other") })).not.toBe(uidOf(byJournal));
  expect(uidOf({ ...byJournal, kind: "unit.restart" })).not.toBe(uidOf(byJournal));
});

test("gives a change of the watch another uid in another process", () => {
  const lost = monitorChange("monitor.lost");
  expect(uidOf(lost, "one")).toBe(uidOf(lost, "one"));
  expect(uidOf(lost, "one")).not.toBe(uidOf(lost, "other"));
});
