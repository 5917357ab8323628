import type { ReadingGroup } from "../domain/readings.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { ManagerRecord } from "../state/containers/user-manager.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import type { StateMetric, VisitSample } from "./metric.ts";

/** Units visited between two yields: some hundred samples, well under a millisecond. */
const UNITS_A_STEP = 200;

/** Labels of a container. */
export const NODE = ["container", "node", "cluster"];

export type About = Omit<StateMetric, "read">;

/** A metric of one of the groups of `--systemd.collect`. */
export interface ReadingMetric extends StateMetric {
  readonly group: ReadingGroup;
}

/** Returns false if this systemd answered no query: its readings aren't shown. */
export function isAnswering({ systemd }: ManagerRecord): boolean {
  return systemd.up && systemd.manager.answersQueries;
}

/** Returns a metric whose samples are made unit by unit, of the units that the filters show, those of users too. */
export function unitMetric(
  about: About,
  sample: (unit: UnitRecord, visit: VisitSample) => void,
  isShown: (record: ManagerRecord) => boolean = () => true,
): StateMetric {
  return {
    ...about,
    *read(fleet, visit) {
      for (const record of fleet.managers()) {
        if (!isShown(record)) continue;
        const units = record.systemd.units.withSeries;
        for (let at = 0; at < units.length; at += 1) {
          if (at > 0 && at % UNITS_A_STEP === 0) yield;
          sample(units[at]!, visit);
        }
        yield;
      }
    },
  };
}

/** Returns a metric of each systemd that should be watched now, those of users too. */
export function managerMetric(
  about: About,
  sample: (record: ManagerRecord, visit: VisitSample) => void,
): StateMetric {
  return {
    ...about,
    *read(fleet, visit) {
      for (const record of fleet.managers()) {
        if (record.hasSeries && record.runsSystemd === true && record.alive) sample(record, visit);
        yield;
      }
    },
  };
}

/** Returns a metric of each container whose systemd should be watched now. */
export function systemdMetric(
  about: About,
  sample: (record: ContainerRecord, visit: VisitSample) => void,
): StateMetric {
  return {
    ...about,
    *read(fleet, visit) {
      for (const record of fleet.nodes()) {
        if (record.hasSeries && record.runsSystemd === true && record.alive) sample(record, visit);
        yield;
      }
    },
  };
}
