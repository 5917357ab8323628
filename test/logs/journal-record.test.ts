import { expect, test } from "@jest/globals";
import type { JournalLine } from "../../src/domain/journal.ts";
import { entryRecords, journalRecordOf } from "../../src/logs/journal-record.ts";
import { logRecordOf } from "../../src/logs/log-record.ts";
import { unitChange } from "../support/changes.ts";
import { idOf } from "../support/engine-facts.ts";
import { journalLine } from "../support/journal-line.ts";

const RUN = "0123456789abcdef0123456789abcdef";
const OPTIONS = { observedNs: 1_795_345_340_000_000_001n, instance: "here" };
const CHANGE = unitChange("unit.failed", { run: `${RUN} failure 1` });
const LINE = journalLine("out of luck", {
  timeNs: 1_795_345_339_060_434_000n,
  priority: 3,
  pid: 77,
  invocationId: RUN,
  cursor: "s=1;i=2",
});

function recordOf(line: Partial<JournalLine> = {}, change = CHANGE) {
  const run = { unit: "slurmd.service", invocationId: RUN };
  return journalRecordOf({ change, run, line: { ...LINE, ...line } }, OPTIONS);
}

test("makes a record of a line, linked to the failure's record", () => {
  const failure = logRecordOf(CHANGE, OPTIONS).attributes?.["log.record.uid"];
  expect(recordOf()).toEqual({
    eventName: "systemd.journal",
    timestamp: [1_795_345_339, 60_434_000],
    observedTimestamp: [1_795_345_340, 1],
    severityNumber: 17,
    severityText: "ERROR",
    body: "out of luck",
    attributes: {
      "event.name": "systemd.journal",
      "container.id": idOf("sind-dev-worker-0"),
      "container.name": "sind-dev-worker-0",
      "container.image.name": "sind/slurm:24.11",
      "container.runtime.name": "docker",
      "unitwatch.cluster": "dev",
      "unitwatch.node": "worker-0",
      "systemd.unit.name": "slurmd.service",
      "systemd.invocation_id": RUN,
      "process.pid": 77,
      "syslog.identifier": "app",
      "log.record.uid": expect.stringMatching(/^[0-9a-f]{32}$/),
      "unitwatch.failure.uid": failure,
    },
  });
});

test.each([
  [0, 21, "FATAL"],
  [1, 19, "ERROR3"],
  [2, 18, "ERROR2"],
  [3, 17, "ERROR"],
  [4, 13, "WARN"],
  [5, 10, "INFO2"],
  [6, 9, "INFO"],
  [7, 5, "DEBUG"],
  [undefined, 9, "INFO"],
])("gives priority %s severity %s", (priority, severityNumber, severityText) => {
  expect(recordOf({ priority })).toMatchObject({ severityNumber, severityText });
});

test("has the same uid whenever the line is read, and another for another line", () => {
  const uid = (line: Partial<JournalLine>): unknown =>
    recordOf(line).attributes?.["log.record.uid"];
  const other = unitChange("unit.failed", { run: `${RUN} failure 2` });
  expect(recordOf({}, other).attributes?.["log.record.uid"]).toBe(uid({}));
  expect(uid({ cursor: "s=1;i=3" })).not.toBe(uid({}));
});

test("leaves out what the entry doesn't have, and takes the run from the failure", () => {
  const { attributes } = recordOf({ pid: undefined, identifier: "", invocationId: "" });
  expect(attributes).not.toHaveProperty("process.pid");
  expect(attributes).not.toHaveProperty("syslog.identifier");
  expect(attributes).toMatchObject({ "systemd.invocation_id": RUN });
});

test("gives an entry the same record, without a failure, when it comes by itself", () => {
  const { attributes, ...record } = recordOf();
  const { "unitwatch.failure.uid": _failure, ...shared } = attributes ?? {};
  const line = { ...LINE, unit: "slurmd.service" };
  expect(entryRecords(CHANGE.identity, OPTIONS)(line)).toEqual({
    ...record,
    attributes: shared,
  });
});
