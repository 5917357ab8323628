import { expect, test } from "@jest/globals";
import { SYSTEMD_METRICS } from "../../src/metrics/systemd-metrics.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";
import { unitRow, unitSignal } from "../support/systemd-facts.ts";

const UNITS = 500;

test("visits a unit once when it is removed and added again during a yield", () => {
  const { fleet, happens, record } = recordedFleet();
  happens("create", "node");
  happens("start", "node");
  const { systemd } = record("node");
  const names = Array.from({ length: UNITS }, (_, at) => `job-${at}.service`);
  systemd.take({ kind: "attached", transport: "dbus", atNs: 1_000n });
  systemd.take({
    kind: "listed",
    rows: names.map((name) => unitRow(name, "active")),
    asOfNs: 1_000n,
  });
  const visited: string[] = [];
  const metric = SYSTEMD_METRICS.find(({ name }) => name === "systemd_unit_state");
  const reading = metric?.read(fleet, (labels, _value, _name, state) => {
    visited.push(`${labels.text},${state}`);
  });
  expect(reading?.next().done).toBe(false);
  expect(visited.some((series) => series.includes('"job-0.service"'))).toBe(true);
  systemd.take({ kind: "removed", unit: "job-0.service", timeNs: 2_000n });
  systemd.take(unitSignal({ unit: "job-0.service", stateChangeNs: 3_000n, timeNs: 3_000n }));
  while (reading?.next().done === false);
  expect(visited).toHaveLength(UNITS * 5);
  expect(new Set(visited).size).toBe(visited.length);
});
