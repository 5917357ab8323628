import type { Change } from "../../src/domain/change.ts";
import type { ContainerRecord } from "../../src/state/containers/container-record.ts";
import { Fleet } from "../../src/state/fleet.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { engineEvent, identityOf } from "./engine-facts.ts";

export interface RecordedFleet {
  readonly fleet: Fleet;
  /** Every change that was told, in order. */
  readonly changes: Change[];
  /** Every bound that was told to be reached. */
  readonly refused: string[];
  /** The kinds that were told since the last time this was asked. */
  readonly news: () => string[];
  /** The record of the container of this name. Throws where there is none. */
  readonly record: (name: string) => ContainerRecord;
  /** Lets the engine tell this of the container of this name, 1 µs after the event before. */
  readonly happens: (
    action: string,
    name: string,
    more?: Readonly<Record<string, string>>,
  ) => ContainerRecord | undefined;
}

export interface RecordedFleetOptions {
  /** Default: all. */
  readonly shown?: (unit: string) => boolean;
  /** Default: without bound. */
  readonly series?: SeriesBudget;
}

/** A fleet whose changes a test can read. */
export function recordedFleet({
  shown = () => true,
  series = new SeriesBudget(Number.POSITIVE_INFINITY),
}: RecordedFleetOptions = {}): RecordedFleet {
  let nowNs = 0n;
  const changes: Change[] = [];
  const refused: string[] = [];
  let told = 0;
  const fleet = new Fleet({
    events: {
      changed: (change) => void changes.push(change),
      refused: (what) => void refused.push(what),
    },
    admission: { shown, series },
    identify: ({ id, name, image, label }) =>
      identityOf(name, { id, image, cluster: label("sind.cluster") ?? "dev" }),
  });
  return {
    fleet,
    changes,
    refused,
    news() {
      const kinds = changes.slice(told).map((change) => change.kind);
      told = changes.length;
      return kinds;
    },
    record(name) {
      for (const record of fleet.containers()) if (record.identity.name === name) return record;
      throw new Error(`there is no container ${name}`);
    },
    happens(action, name, more = {}) {
      nowNs += 1_000n;
      return fleet.engineEvent(engineEvent(action, name, { timeNs: nowNs, ...more }));
    },
  };
}
