import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Change } from "../../src/domain/change.ts";
import { EventKind } from "../../src/domain/event.ts";
import { eventNameOf } from "../../src/logs/log-record.ts";
import { isQuiet, severityOf } from "../../src/logs/severity.ts";
import {
  containerChange,
  dieChange,
  healthChange,
  monitorChange,
  softRebootChange,
  systemChange,
  unitChange,
} from "../support/changes.ts";

const CASES: Readonly<Record<string, readonly Change[]>> = {
  ERROR: [
    unitChange("unit.failed"),
    containerChange("container.oom"),
    healthChange("unhealthy"),
    monitorChange("monitor.error"),
    ...[1, 2, 129, 130, 137, 255, -1].map((exitCode) => dieChange(exitCode)),
    ...[1, 128, 131, 137].map((exitCode) => dieChange(exitCode, { runsSystemd: true })),
    dieChange(undefined),
    dieChange(undefined, { runsSystemd: true }),
  ],
  WARN: [
    unitChange("unit.restart"),
    containerChange("container.restart"),
    monitorChange("monitor.lost"),
  ],
  INFO: [
    dieChange(0),
    dieChange(143),
    ...[0, 129, 130, 143].map((exitCode) => dieChange(exitCode, { runsSystemd: true })),
    healthChange("healthy"),
    healthChange("starting"),
    containerChange("container.create"),
    containerChange("container.start"),
    containerChange("container.stop"),
    containerChange("container.pause"),
    containerChange("container.unpause"),
    containerChange("container.destroy"),
    unitChange("unit.active"),
    unitChange("unit.removed"),
    systemChange("degraded"),
    softRebootChange(),
    monitorChange("monitor.recovered"),
    unitChange("unit.inactive"),
    unitChange("unit.activating"),
    unitChange("unit.deactivating"),
    unitChange("unit.reloading"),
  ],
};
const NUMBERS: Readonly<Record<string, number>> = { INFO: 9, WARN: 13, ERROR: 17 };

test("has a case for every kind", () => {
  const kinds = new Set(Object.values(CASES).flatMap((changes) => changes.map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual(Object.values(EventKind).sort());
});

test.each(Object.entries(CASES))("%s", (text, changes) => {
  const severities = changes.map((change) => severityOf(change));
  expect(severities).toEqual(changes.map(() => ({ text, number: NUMBERS[text] })));
});

test("has the severities of the documentation, for each event name", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/otlp.md"), "utf8");
  const [, table = ""] = page.split("| event name | severity |");
  const [rows = ""] = table.split("\n\n");
  const documented = new Map<string, readonly string[]>();
  for (const [, names = "", text = ""] of rows.matchAll(/^\| (`.+`) \| (.+) \|$/gm)) {
    const severities = [...text.matchAll(/\b(?:DEBUG|INFO|WARN|ERROR)\b/g)].map(([word]) => word);
    for (const [, name = ""] of names.matchAll(/`([^`]+)`/g)) {
      documented.set(name, severities.toSorted());
    }
  }
  const sent = new Map<string, Set<string>>();
  for (const [severity, changes] of Object.entries(CASES)) {
    for (const change of changes) {
      const name = eventNameOf(change);
      sent.set(name, (sent.get(name) ?? new Set()).add(severity));
    }
  }
  expect(Object.fromEntries(documented)).toEqual(
    Object.fromEntries([...sent].map(([name, all]) => [name, [...all].toSorted()])),
  );
});

test("marks only requests, and the states that units pass through, as quiet", () => {
  const quiet = Object.values(CASES)
    .flat()
    .filter((change) => isQuiet(change))
    .map(({ kind }) => kind);
  expect(quiet).toEqual([
    "container.stop",
    "unit.inactive",
    "unit.activating",
    "unit.deactivating",
    "unit.reloading",
  ]);
});
