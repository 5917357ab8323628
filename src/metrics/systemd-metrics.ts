import { SYSTEM_STATES } from "../domain/systemd.ts";
import { ACTIVE_STATES, RARE_ACTIVE_STATES } from "../domain/unit.ts";
import type { StateMetric } from "./metric.ts";
import { failureKey } from "../state/units/extra-series.ts";
import { containerLabelOf, upLabelsOf, versionLabelsOf } from "./systemd-labels.ts";
import { managerMetric, systemdMetric, unitMetric } from "./systemd-reads.ts";

export const SYSTEMD_METRICS: readonly StateMetric[] = [
  unitMetric(
    {
      name: "systemd_unit_state",
      type: "gauge",
      help: "1 for the unit's ActiveState, 0 for the others.",
      labels: ["container", "node", "cluster", "name", "type", "state"],
      otel: {
        name: "systemd.unit.state",
        unit: "1",
        kind: "updowncounter",
        attributes: { state: "systemd.unit.active_state" },
      },
      cardinality: `${ACTIVE_STATES.length} per unit`,
    },
    (unit, visit) => {
      const { activeState, labels } = unit;
      if (activeState === undefined) return;
      for (const state of ACTIVE_STATES) {
        visit(labels, state === activeState ? 1 : 0, "state", state);
      }
      if (unit.showsExtra("rare-state")) visit(labels, 1, "state", activeState);
    },
  ),
  unitMetric(
    {
      name: "systemd_unit_start_time_seconds",
      type: "gauge",
      help: "Unix time at which the unit became active; 0 while it isn't.",
      labels: ["container", "node", "cluster", "name", "type"],
      otel: { name: "systemd.unit.start.time", unit: "s", kind: "gauge" },
      cardinality: "1 per unit",
    },
    (unit, visit) => {
      if (unit.activeState === undefined) return;
      const { activeState, activeEnterNs } = unit;
      if (activeState !== "active") visit(unit.labels, 0);
      else if (activeEnterNs > 0n) visit(unit.labels, Number(activeEnterNs / 1_000n) / 1e6);
    },
  ),
  unitMetric(
    {
      name: "systemd_unit_load_state",
      type: "gauge",
      help: "1 for the LoadState of a unit that isn't loaded as it should be: error, bad-setting or masked.",
      labels: ["container", "node", "cluster", "name", "type", "load_state"],
      otel: {
        name: "systemd.unit.load_state",
        unit: "1",
        kind: "updowncounter",
        attributes: { load_state: "systemd.unit.load_state" },
      },
      cardinality: "1 per unit that isn't loaded as it should be",
    },
    (unit, visit) => {
      const { labels, loadFault } = unit;
      if (loadFault !== undefined && unit.showsExtra("load-state")) {
        visit(labels, 1, "load_state", loadFault);
      }
    },
  ),
  unitMetric(
    {
      name: "systemd_unit_freezer_state",
      type: "gauge",
      help: "1 for the unit's FreezerState, such as freezing, frozen, frozen-by-parent or thawing; absent while that is running.",
      labels: ["container", "node", "cluster", "name", "type", "state"],
      otel: {
        name: "systemd.unit.freezer_state",
        unit: "1",
        kind: "updowncounter",
        attributes: { state: "systemd.unit.freezer_state" },
      },
      cardinality: "1 per unit that is frozen",
    },
    (unit, visit) => {
      const { labels, frozenState } = unit;
      if (frozenState !== undefined && unit.showsExtra("freezer-state")) {
        visit(labels, 1, "state", frozenState);
      }
    },
  ),
  unitMetric(
    {
      name: "systemd_unit_failures_total",
      type: "counter",
      countsSince: true,
      help: "Failures of the unit since it is watched, by systemd's Result.",
      labels: ["container", "node", "cluster", "name", "type", "result"],
      otel: {
        name: "systemd.unit.failures",
        unit: "{failure}",
        kind: "counter",
        attributes: { result: "systemd.service.result" },
      },
      cardinality: "1 per result and unit",
    },
    (unit, visit) => {
      let isExtra = false;
      for (const [result, count] of unit.failures) {
        if (!isExtra || unit.showsExtra(failureKey(result))) {
          visit(unit.labels, count, "result", result);
        }
        isExtra = true;
      }
    },
  ),
  unitMetric(
    {
      name: "systemd_unit_last_failure_time_seconds",
      type: "gauge",
      help: "Unix time of the unit's newest failure since it is watched. Absent until the first.",
      labels: ["container", "node", "cluster", "name", "type"],
      otel: { name: "systemd.unit.last_failure.time", unit: "s", kind: "gauge" },
      cardinality: "1 per unit that failed",
    },
    ({ labels, lastFailure }, visit) => {
      if (lastFailure !== undefined) visit(labels, Number(lastFailure.timeNs / 1_000n) / 1e6);
    },
  ),
  unitMetric(
    {
      name: "systemd_unit_oom_kills_total",
      type: "counter",
      countsSince: true,
      help: "OOM kills of the unit since it is watched: failures with the Result oom-kill and, where systemd has it, OOMKills. Absent until the first.",
      labels: ["container", "node", "cluster", "name", "type"],
      otel: { name: "systemd.unit.oom_kills", unit: "{kill}", kind: "counter" },
      cardinality: "1 per unit that was OOM-killed",
    },
    (unit, visit) => {
      if (unit.showsExtra("oom-kills")) visit(unit.labels, unit.counters.oomKills);
    },
  ),
  unitMetric(
    {
      name: "systemd_service_restart_total",
      type: "counter",
      countsSince: true,
      help: "Restarts of the service by its Restart= setting since it is watched.",
      labels: ["container", "node", "cluster", "name"],
      otel: { name: "systemd.service.restarts", unit: "{restarts}", kind: "counter" },
      cardinality: "1 per service",
    },
    (unit, visit) => {
      const known = unit.activeState !== undefined || unit.hasCounters;
      if (unit.type === "service" && known) visit(unit.nameLabels, unit.restarts);
    },
  ),
  managerMetric(
    {
      name: "systemd_units",
      type: "gauge",
      help: "Units in each ActiveState, filters not applied.",
      labels: ["container", "node", "cluster", "state"],
      otel: {
        name: "systemd.unit.count",
        unit: "{unit}",
        kind: "updowncounter",
        attributes: { state: "systemd.unit.active_state" },
      },
      cardinality: `${ACTIVE_STATES.length} per container with systemd`,
    },
    (record, visit) => {
      const counts = record.systemd.units.counts();
      if (record.systemd.transport === undefined) return;
      for (const state of ACTIVE_STATES) {
        visit(record.labels, counts.get(state) ?? 0, "state", state);
      }
      for (const state of RARE_ACTIVE_STATES) {
        const count = counts.get(state) ?? 0;
        if (count > 0) visit(record.labels, count, "state", state);
      }
    },
  ),
  managerMetric(
    {
      name: "systemd_system_state",
      type: "gauge",
      help: "1 for the state that `systemctl is-system-running` reports, 0 for the others.",
      labels: ["container", "node", "cluster", "state"],
      otel: {
        name: "systemd.system.state",
        unit: "1",
        kind: "updowncounter",
        attributes: { state: "systemd.system.state" },
      },
      cardinality: `${SYSTEM_STATES.length} per container with systemd`,
    },
    (record, visit) => {
      const { systemState } = record.systemd.manager;
      if (systemState === undefined) return;
      for (const state of SYSTEM_STATES) {
        visit(record.labels, state === systemState ? 1 : 0, "state", state);
      }
    },
  ),
  {
    name: "systemd_soft_reboots_total",
    type: "counter",
    countsSince: true,
    help: "Soft reboots of the container's systemd since it is watched.",
    labels: ["container", "node", "cluster"],
    otel: { name: "systemd.soft_reboots", unit: "{reboot}", kind: "counter" },
    cardinality: "1 per container with systemd",
    *read(fleet, visit) {
      for (const record of fleet.nodes()) {
        if (record.hasSeries && record.runsSystemd === true) {
          visit(record.labels, record.counters.softReboots);
        }
        yield;
      }
    },
  },
  systemdMetric(
    {
      name: "systemd_version",
      type: "gauge",
      help: "Always 1, with systemd's version.",
      labels: ["container", "node", "cluster", "version"],
      otel: {
        name: "systemd.info",
        unit: "1",
        kind: "updowncounter",
        attributes: { version: "systemd.version" },
      },
      cardinality: "1 per container with systemd",
    },
    (record, visit) => {
      const { version } = record.systemd.manager;
      if (version !== undefined) visit(versionLabelsOf(record, version), 1);
    },
  ),
  managerMetric(
    {
      name: "unitwatch_systemd_up",
      type: "gauge",
      help: "1 while the container's systemd is watched, 0 while that fails. Over busctl, failures may stay unseen.",
      labels: ["container", "transport"],
      otel: {
        name: "unitwatch.systemd.up",
        unit: "1",
        kind: "updowncounter",
        attributes: { transport: "unitwatch.systemd.transport" },
      },
      cardinality: "1 per container with systemd",
    },
    (record, visit) => visit(upLabelsOf(record), record.systemd.up ? 1 : 0),
  ),
  systemdMetric(
    {
      name: "unitwatch_journal_up",
      type: "gauge",
      help: "With --journal.records=all: 1 while the container's journal is followed, 0 while that fails, as without a journalctl. Then only last lines of failures are sent, where those can be read.",
      labels: ["container"],
      otel: { name: "unitwatch.journal.up", unit: "1", kind: "updowncounter" },
      cardinality: "1 per container with systemd",
    },
    (record, visit) => {
      const { journalUp } = record;
      if (journalUp !== undefined) visit(containerLabelOf(record), journalUp ? 1 : 0);
    },
  ),
  managerMetric(
    {
      name: "unitwatch_systemd_reconnects_total",
      type: "counter",
      countsSince: true,
      help: "Reconnects to the container's systemd.",
      labels: ["container"],
      otel: { name: "unitwatch.systemd.reconnects", unit: "{reconnect}", kind: "counter" },
      cardinality: "1 per container with systemd",
    },
    (record, visit) => visit(containerLabelOf(record), record.systemd.reconnects),
  ),
];
