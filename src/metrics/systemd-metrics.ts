import type { LabelSet } from "../domain/label-set.ts";
import { escapeLabelValue, LabelSet as Labels } from "../domain/label-set.ts";
import { SYSTEM_STATES } from "../domain/systemd.ts";
import type { ActiveState } from "../domain/unit.ts";
import { ACTIVE_STATES, RARE_ACTIVE_STATES } from "../domain/unit.ts";
import type { ContainerRecord } from "../state/container-record.ts";
import type { UnitRecord } from "../state/unit-record.ts";
import type { StateMetric, VisitSample } from "./metric.ts";

const RARE: ReadonlySet<ActiveState> = new Set<ActiveState>(RARE_ACTIVE_STATES);

/** Units visited between two yields: some hundred samples, well under a millisecond. */
const UNITS_A_STEP = 200;

type About = Omit<StateMetric, "read">;

/** A metric whose samples are made unit by unit, of the units that the filters show. */
function unitMetric(
  about: About,
  sample: (unit: UnitRecord, visit: VisitSample) => void,
): StateMetric {
  return {
    ...about,
    *read(fleet, visit) {
      for (const record of fleet.containers()) {
        let visited = 0;
        for (const unit of record.systemd.units.values()) {
          if (!unit.hasSeries) continue;
          sample(unit, visit);
          visited += 1;
          if (visited % UNITS_A_STEP === 0) yield;
        }
        yield;
      }
    },
  };
}

/** A metric of each container whose systemd is to be watched now. */
function systemdMetric(
  about: About,
  sample: (record: ContainerRecord, visit: VisitSample) => void,
): StateMetric {
  return {
    ...about,
    *read(fleet, visit) {
      for (const record of fleet.containers()) {
        if (record.hasSeries && record.runsSystemd === true && record.alive) sample(record, visit);
        yield;
      }
    },
  };
}

const upLabels = new WeakMap<ContainerRecord, { transport: string; labels: LabelSet }>();

function upLabelsOf(record: ContainerRecord): LabelSet {
  const transport = record.systemd.transport ?? "none";
  const known = upLabels.get(record);
  const container = record.identity.name;
  if (known?.transport === transport && known.labels.pairs[0]?.[1] === container) {
    return known.labels;
  }
  const labels = new Labels([
    ["container", container],
    ["transport", transport],
  ]);
  upLabels.set(record, { transport, labels });
  return labels;
}

const containerLabel = new WeakMap<ContainerRecord["identity"], LabelSet>();

function containerLabelOf(record: ContainerRecord): LabelSet {
  let labels = containerLabel.get(record.identity);
  if (labels === undefined) {
    labels = new Labels([["container", record.identity.name]]);
    containerLabel.set(record.identity, labels);
  }
  return labels;
}

export const SYSTEMD_METRICS: readonly StateMetric[] = [
  unitMetric(
    {
      name: "systemd_unit_state",
      type: "gauge",
      help: "1 for the ActiveState that the unit is in, 0 for the others.",
      labels: ["container", "node", "cluster", "name", "type", "state"],
    },
    (unit, visit) => {
      const { activeState, labels } = unit;
      if (activeState === undefined) return;
      for (const state of ACTIVE_STATES) {
        visit(labels, state === activeState ? 1 : 0, "state", state);
      }
      if (RARE.has(activeState)) visit(labels, 1, "state", activeState);
    },
  ),
  unitMetric(
    {
      name: "systemd_unit_start_time_seconds",
      type: "gauge",
      help: "Unix time at which the unit became active; 0 while it isn't.",
      labels: ["container", "node", "cluster", "name", "type"],
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
      name: "systemd_unit_failures_total",
      type: "counter",
      help: "Failures of the unit since it is watched, by systemd's Result.",
      labels: ["container", "node", "cluster", "name", "type", "result"],
    },
    (unit, visit) => {
      for (const [result, count] of unit.failures) visit(unit.labels, count, "result", result);
    },
  ),
  unitMetric(
    {
      name: "systemd_service_restart_total",
      type: "counter",
      help: "Restarts of the service by its Restart= setting since it is watched.",
      labels: ["container", "node", "cluster", "name"],
    },
    (unit, visit) => {
      const known = unit.activeState !== undefined || unit.hasCounters;
      if (unit.type === "service" && known) visit(unit.nameLabels, unit.restarts);
    },
  ),
  systemdMetric(
    {
      name: "systemd_units",
      type: "gauge",
      help: "Units in each ActiveState, filters not applied.",
      labels: ["container", "node", "cluster", "state"],
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
  systemdMetric(
    {
      name: "systemd_system_state",
      type: "gauge",
      help: "1 for the state that `systemctl is-system-running` tells, 0 for the others.",
      labels: ["container", "node", "cluster", "state"],
    },
    (record, visit) => {
      const { systemState } = record.systemd.manager;
      if (systemState === undefined) return;
      for (const state of SYSTEM_STATES) {
        visit(record.labels, state === systemState ? 1 : 0, "state", state);
      }
    },
  ),
  systemdMetric(
    {
      name: "systemd_version",
      type: "gauge",
      help: "Always 1, with systemd's version.",
      labels: ["container", "node", "cluster", "version"],
    },
    (record, visit) => {
      const { version } = record.systemd.manager;
      if (version !== undefined) visit(record.labels, 1, "version", escapeLabelValue(version));
    },
  ),
  systemdMetric(
    {
      name: "unitwatch_systemd_up",
      type: "gauge",
      help: "1 while the container's systemd is watched, 0 while it should be and can't.",
      labels: ["container", "transport"],
    },
    (record, visit) => visit(upLabelsOf(record), record.systemd.up ? 1 : 0),
  ),
  systemdMetric(
    {
      name: "unitwatch_systemd_reconnects_total",
      type: "counter",
      help: "Streams from the container's systemd that were opened again.",
      labels: ["container"],
    },
    (record, visit) => visit(containerLabelOf(record), record.systemd.reconnects),
  ),
];
