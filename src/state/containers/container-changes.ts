import type { ContainerChange } from "../../domain/change.ts";
import type { FleetEvents } from "../../domain/fleet-events.ts";
import { countOutcome } from "./container-counters.ts";
import type { ContainerOutcome } from "./container-outcome.ts";
import type { ContainerRecord } from "./container-record.ts";

/** Counts outcomes and emits a change for each, with the container's identity. */
export class ContainerChanges {
  readonly #events: FleetEvents;
  readonly #nowNs: () => bigint;
  #recovered = 0;

  /** @param nowNs returns the present: Unix nanoseconds */
  constructor(events: FleetEvents, nowNs: () => bigint) {
    this.#events = events;
    this.#nowNs = nowNs;
  }

  /** Recovered changes so far. */
  get recovered(): number {
    return this.#recovered;
  }

  emit(record: ContainerRecord, outcomes: readonly ContainerOutcome[]): void {
    for (const outcome of outcomes) {
      countOutcome(record.counters, outcome, {
        runsSystemd: record.runsSystemd === true,
        lacksExitCodes: record.identity.unknown?.includes("exit-code") === true,
        nowNs: this.#nowNs(),
      });
      if (outcome.kind === "container.die") record.fitSeries();
      if (outcome.recovered) this.#recovered += 1;
      this.#events.changed(changeOf(record, outcome));
    }
  }
}

function changeOf(record: ContainerRecord, outcome: ContainerOutcome): ContainerChange {
  const { identity } = record;
  const { timeNs, recovered } = outcome;
  const { node, name: container } = identity;
  const common = { timeNs, recovered, node, container, unit: "", identity };
  switch (outcome.kind) {
    case "container.die": {
      const { kind, exitCode } = outcome;
      const runsSystemd = record.runsSystemd === true;
      const detail = `exitCode=${exitCode ?? "unknown"}`;
      return { ...common, kind, exitCode, runsSystemd, detail };
    }
    case "container.health": {
      const { kind, health } = outcome;
      return { ...common, kind, health, detail: `health=${health}` };
    }
    case "container.restart":
      return { ...common, kind: outcome.kind, detail: `restartCount=${outcome.restartCount}` };
    case "container.oom": {
      const { kind, kills = 1 } = outcome;
      return { ...common, kind, detail: kills > 1 ? `kills=${kills}` : "" };
    }
    case "container.create":
    case "container.destroy":
    case "container.start":
    case "container.stop":
    case "container.pause":
    case "container.unpause":
      return { ...common, kind: outcome.kind, detail: "" };
    default:
      return outcome satisfies never;
  }
}
