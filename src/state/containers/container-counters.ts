import type { Counting } from "../../domain/label-set.ts";
import type { ContainerOutcome } from "./container-outcome.ts";

/** Counts of a container under one name, over all of its runs. */
export interface ContainerCounters extends Counting {
  starts: number;
  restarts: number;
  oomEvents: number;
  /** Exits by exit code; undefined stands for codes that are lost. */
  readonly exits: Map<number | undefined, number>;
}

export function newCounters(sinceNs: bigint): ContainerCounters {
  return { sinceNs, starts: 0, restarts: 0, oomEvents: 0, exits: new Map() };
}

/** Adds the counts of another container that has taken the name of these counters. */
export function addCounters(counters: ContainerCounters, more: ContainerCounters): void {
  counters.starts += more.starts;
  counters.restarts += more.restarts;
  counters.oomEvents += more.oomEvents;
  for (const [exitCode, count] of more.exits) {
    counters.exits.set(exitCode, (counters.exits.get(exitCode) ?? 0) + count);
  }
}

/** Adds what an outcome counts. */
export function countOutcome(counters: ContainerCounters, outcome: ContainerOutcome): void {
  switch (outcome.kind) {
    case "container.start":
      counters.starts += 1;
      break;
    case "container.die": {
      const { exits } = counters;
      exits.set(outcome.exitCode, (exits.get(outcome.exitCode) ?? 0) + 1);
      break;
    }
    case "container.restart":
      counters.restarts += 1;
      break;
    case "container.oom":
      counters.oomEvents += 1;
      break;
    case "container.create":
    case "container.stop":
    case "container.destroy":
    case "container.pause":
    case "container.unpause":
    case "container.health":
      break;
    default:
      outcome satisfies never;
  }
}
