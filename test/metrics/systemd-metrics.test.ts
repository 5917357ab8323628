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

test("shows the host beside a container of the same name, without a label for a container", () => {
  const { fleet, happens, record } = recordedFleet();
  happens("create", "web1");
  happens("start", "web1");
  const identity = { id: "1", name: "web1", node: "web1", cluster: "", image: "", runtime: "" };
  const host = fleet.addHost({ ...identity, isHost: true });
  for (const { systemd } of [host, record("web1")]) {
    systemd.take({
      kind: "attached",
      transport: systemd === host.systemd ? "host" : "dbus",
      atNs: 1n,
    });
    systemd.take({ kind: "listed", rows: [unitRow("a.service", "failed")], asOfNs: 1n });
  }
  record("web1").runsSystemd = true;
  const shown = (wanted: string): string[] => {
    const samples: string[] = [];
    const metric = SYSTEMD_METRICS.find(({ name }) => name === wanted);
    const reading = metric?.read(fleet, (labels, value, extra, state) => {
      if (value > 0) samples.push([labels.text, extra, state].filter(Boolean).join(" "));
    });
    while (reading?.next().done === false);
    return samples;
  };
  expect(shown("systemd_unit_state")).toEqual([
    'node="web1",name="a.service",type="service" state failed',
    'container="web1",node="web1",cluster="dev",name="a.service",type="service" state failed',
  ]);
  expect(shown("unitwatch_systemd_up")).toEqual([
    'transport="host"',
    'container="web1",transport="dbus"',
  ]);
  expect([...fleet.containers()].map((each) => each.identity.isHost)).toEqual([undefined]);
  expect(fleet.ids().has("1")).toBe(false);
  expect(fleet.get("1")).toBe(host);
});
