import type { ContainerChange } from "../../domain/change.ts";
import { EventKind } from "../../domain/event.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { FleetEvents } from "../../domain/fleet-events.ts";

type OwnFacts<C> = C extends ContainerChange
  ? Omit<C, "identity" | "node" | "container" | "unit" | "recovered">
  : never;

/** What a change of a container says beside whose it is. */
type ContainerFacts = OwnFacts<ContainerChange> & { readonly recovered?: boolean };

type PlainKind = Exclude<ContainerChange["kind"], "container.die" | "container.health">;

/** When it happened, and whether a snapshot alone told of it. */
export interface ChangeOrigin {
  readonly timeNs: bigint;
  readonly recovered?: boolean;
}

/** Counts and tells the changes of containers, each with the container it is of. */
export class ContainerChanges {
  readonly #events: FleetEvents;
  /** How many were told that a snapshot alone told of. */
  recovered = 0;

  constructor(events: FleetEvents) {
    this.#events = events;
  }

  tell(record: ContainerRecord, facts: ContainerFacts): void {
    const { identity } = record;
    if (facts.recovered === true) this.recovered += 1;
    this.#events.changed({
      recovered: false,
      ...facts,
      node: identity.node,
      container: identity.name,
      unit: "",
      identity,
    });
  }

  /** A change of which its kind and time say all. */
  plain(record: ContainerRecord, kind: PlainKind, origin: ChangeOrigin): void {
    this.tell(record, { ...origin, kind, detail: "" });
  }

  started(record: ContainerRecord, origin: ChangeOrigin): void {
    record.counters.starts += 1;
    this.plain(record, EventKind.ContainerStart, origin);
  }

  /** @param exitCode undefined where it can't be known any more */
  died(record: ContainerRecord, exitCode: number | undefined, origin: ChangeOrigin): void {
    const { exits } = record.counters;
    exits.set(exitCode, (exits.get(exitCode) ?? 0) + 1);
    this.tell(record, {
      ...origin,
      kind: EventKind.ContainerDie,
      detail: `exitCode=${exitCode ?? "unknown"}`,
      exitCode,
    });
  }

  oom(record: ContainerRecord, origin: ChangeOrigin): void {
    record.counters.oomEvents += 1;
    this.plain(record, EventKind.ContainerOom, origin);
  }

  /** @param restartCount how many policy restarts it was with this one */
  restarted(record: ContainerRecord, restartCount: number, origin: ChangeOrigin): void {
    record.counters.restarts += 1;
    const detail = `restartCount=${restartCount}`;
    this.tell(record, { ...origin, kind: EventKind.ContainerRestart, detail });
  }
}
