import type { Change } from "../../src/domain/change.ts";
import type { ContainerRecord } from "../../src/state/containers/container-record.ts";
import { Fleet } from "../../src/state/fleet.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { engineEvent, identityOf } from "./engine-facts.ts";

export interface RecordedFleet {
  readonly fleet: Fleet;
  /** Every change, in order. */
  readonly changes: Change[];
  /** Every bound that was reached. */
  readonly refused: string[];
  /** Returns the kinds of the changes since the last call. */
  readonly takeKinds: () => string[];
  /** Returns the record of a container. @throws if it is unknown */
  readonly record: (name: string) => ContainerRecord;
  /** Applies an engine event of a container, 1 µs after the previous one. */
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
  /** Names of units that are resolved. Default: none. */
  readonly names?: readonly string[];
}

/** Makes a fleet that records its changes. */
export function recordedFleet({
  shown = () => true,
  series = new SeriesBudget(Number.POSITIVE_INFINITY),
  names = [],
}: RecordedFleetOptions = {}): RecordedFleet {
  let nowNs = 0n;
  const changes: Change[] = [];
  const refused: string[] = [];
  let taken = 0;
  const fleet = new Fleet({
    events: {
      changed: (change) => void changes.push(change),
      refused: (what) => void refused.push(what),
    },
    admission: { shown, series, names },
    identify: ({ id, name, image, label }) =>
      identityOf(name, { id, image, cluster: label("sind.cluster") ?? "dev" }),
  });
  return {
    fleet,
    changes,
    refused,
    takeKinds() {
      const kinds = changes.slice(taken).map((change) => change.kind);
      taken = changes.length;
      return kinds;
    },
    record(name) {
      for (const record of fleet.containers()) if (record.identity.name === name) return record;
      throw new Error(`no container ${name}`);
    },
    happens(action, name, more = {}) {
      nowNs += 1_000n;
      return fleet.engineEvent(engineEvent(action, name, { timeNs: nowNs, ...more }));
    },
  };
}
