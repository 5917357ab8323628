/**
 * The event bus connects the parts of unitwatch: sources and state publish, outputs subscribe.
 *
 * Usage: the composition root opens one bus, hands it to each part that publishes, and subscribes
 * the others. `bus.publish("change", change)` delivers; `bus.subscribe("change", handler)` returns a
 * handle that ends the subscription when disposed.
 *
 * Order: delivery is synchronous. `publish` returns after every subscriber has run, in the order of
 * subscription. State is updated before its event is published, so a subscriber reads state that
 * includes the event. An event that a subscriber publishes is delivered at once, before the outer
 * event reaches the next subscriber. A handle that is disposed during a delivery ends it at once.
 *
 * Slow subscribers: the bus has no queue, and the publisher waits. A subscriber that does more than
 * count must queue for itself, bound that queue, and publish what it drops as `dropped`.
 *
 * Throwing subscribers: the error is logged at most once a minute per event, counted as `dropped` at
 * the stage `subscriber`, and neither the publisher nor another subscriber notices.
 *
 * Imports domain and state types only.
 */
import type { Change } from "../domain/change.ts";
import type { FleetEvents } from "../domain/fleet-events.ts";
import type { ContainerEntries, FailedRun } from "../domain/journal.ts";
import type { Logger } from "../domain/log.ts";
import { asError } from "../platform/data/as-error.ts";
import type { ContainerRecord } from "./containers/container-record.ts";

/** The events and their payloads. */
export interface BusEvents {
  /** A container, a unit, a systemd or a watch changed. */
  readonly change: Change;
  /** Facts about a container were folded into its state, whether they changed it or not. */
  readonly stateRead: {
    readonly record: ContainerRecord;
    /** `engine`: an event, a listing or an inspection; `systemd`: a listing of units or manager facts. */
    readonly source: "engine" | "systemd";
  };
  /** A complete listing of the engine was folded in. */
  readonly listed: {
    /** Containers that exist. */
    readonly containers: number;
  };
  /** The last lines of a run that failed were read from its container's journal. */
  readonly failureLines: FailedRun;
  /** Entries came from a container's journal that is followed. */
  readonly journalEntries: ContainerEntries;
  /** A piece of input could not be parsed and was skipped. */
  readonly parseError: { readonly source: "docker" | "inspect" | "systemd" };
  /** A bound was reached and something was left out. */
  readonly dropped: {
    /** The stage that has the bound: the label of `unitwatch_dropped_total`. */
    readonly stage: string;
    readonly count: number;
    /** Reason label of `unitwatch_otlp_failures_total`, if log records were to be exported. */
    readonly reason?: string;
  };
}

export type BusEvent = keyof BusEvents;

/** Gets each event synchronously. */
export type Subscriber<Event extends BusEvent> = (payload: BusEvents[Event]) => void;

/** The half of the bus for a part that only publishes. */
export type Publisher = Pick<EventBus, "publish">;

type Subscribers = { readonly [Event in BusEvent]: Set<{ readonly handle: Subscriber<Event> }> };

export class EventBus {
  readonly #log: Logger;
  readonly #subscribers: Subscribers = {
    change: new Set(),
    stateRead: new Set(),
    listed: new Set(),
    failureLines: new Set(),
    journalEntries: new Set(),
    parseError: new Set(),
    dropped: new Set(),
  };

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Calls `handle` with each `event` from now on, until the returned handle is disposed. */
  subscribe<Event extends BusEvent>(event: Event, handle: Subscriber<Event>): Disposable {
    const subscribers = this.#subscribers[event];
    const entry = { handle };
    subscribers.add(entry);
    return { [Symbol.dispose]: () => void subscribers.delete(entry) };
  }

  /** Calls every subscriber of `event`. Never throws. */
  publish<Event extends BusEvent>(event: Event, payload: BusEvents[Event]): void {
    for (const { handle } of this.#subscribers[event]) {
      try {
        handle(payload);
      } catch (error) {
        this.#failed(event, error);
      }
    }
  }

  #failed(event: BusEvent, error: unknown): void {
    this.#log
      .limited(`bus ${event}`)
      .error("event subscriber failed", { event, err: asError(error) });
    // A subscriber of `dropped` that throws would be called again for its own failure.
    if (event !== "dropped") this.publish("dropped", { stage: "subscriber", count: 1 });
  }
}

/** Returns the port through which the fleet publishes its changes and the bounds it reached. */
export function fleetEvents(bus: Publisher): FleetEvents {
  return {
    changed: (change) => bus.publish("change", change),
    refused: (stage) => bus.publish("dropped", { stage, count: 1 }),
  };
}
