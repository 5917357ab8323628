import { asError } from "../domain/as-error.ts";
import type { Change } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import type { EngineEvent } from "../domain/engine-event.ts";
import type { EngineSource } from "../domain/engine-source.ts";
import type { Logger } from "../domain/log.ts";
import type { ContainerRecord } from "../state/container-record.ts";
import type { Fleet } from "../state/fleet.ts";
import { Backoff, STREAM_BACKOFF } from "./backoff.ts";
import { DetailsRefresh } from "./details-refresh.ts";
import { EventCursor } from "./event-cursor.ts";
import { StreamHealth } from "./stream-health.ts";
import { supervise, Wake } from "./supervise.ts";

export interface EngineWatchOptions {
  readonly source: EngineSource;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Logger;
  /** A container's state changed in a way that may concern how it is watched. */
  readonly touched: (record: ContainerRecord) => void;
  readonly changed: (change: Change) => void;
  readonly parseError: () => void;
}

/** After these, inspect knows more than the event told. */
const ACTIONS_WITH_NEWS = new Set(["create", "start", "die", "rename", "restart"]);

/**
 * Keeps the fleet true to the engine: listens to events first, then lists and inspects, so that
 * nothing falls between; again after each loss, from the last event on.
 */
export class EngineWatch {
  readonly #options: EngineWatchOptions;
  readonly #backoff = new Backoff(STREAM_BACKOFF);
  readonly #health: StreamHealth;
  #cursor: EventCursor | undefined;
  /** False while the engine can't be reached. */
  up = false;
  /** True once the first listing was folded in; it stays so. */
  listed = false;
  reconnects = 0;

  constructor(options: EngineWatchOptions) {
    this.#options = options;
    this.#health = new StreamHealth({
      what: "docker events",
      identity: undefined,
      clock: options.clock,
      changed: options.changed,
      quietFailures: 0,
    });
  }

  /** Watches until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await supervise((attemptSignal) => this.#attempt(attemptSignal), {
      signal,
      clock: this.#options.clock,
      backoff: this.#backoff,
      ended: (error) => this.#health.down(error),
    });
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    const attempt = new AbortController();
    const attemptSignal = AbortSignal.any([signal, attempt.signal]);
    const cursor = (this.#cursor ??= new EventCursor(clock.nowNs()));
    const refresh = this.#detailsRefresh(attemptSignal);
    const events = source.events(
      {
        event: (event) => this.#event(event, cursor, refresh),
        parseError: this.#options.parseError,
      },
      { sinceNs: cursor.sinceNs, signal: attemptSignal },
    );
    const ended = events.then(() => {
      throw new Error("the stream of events ended");
    });
    const snapshot = this.#snapshot(refresh, attemptSignal);
    try {
      await Promise.race([snapshot, ended]);
      this.#succeeded();
      await events;
    } finally {
      this.up = false;
      attempt.abort();
      await Promise.allSettled([ended, snapshot]);
      await refresh.idle();
    }
  }

  #succeeded(): void {
    if (this.listed) this.reconnects += 1;
    this.listed = true;
    this.up = true;
    this.#backoff.reset();
    this.#health.up();
  }

  #event(event: EngineEvent, cursor: EventCursor, refresh: DetailsRefresh): void {
    if (!cursor.advance(event)) return;
    const record = this.#options.fleet.engineEvent(event);
    if (event.action === "destroy") refresh.gone(event.id);
    if (record === undefined) return;
    if (ACTIONS_WITH_NEWS.has(event.action)) refresh.request(event.id);
    else refresh.happened(event.id);
    this.#options.touched(record);
  }

  async #snapshot(refresh: DetailsRefresh, signal: AbortSignal): Promise<void> {
    const { source, fleet, clock, touched } = this.#options;
    const knownBefore = fleet.ids();
    const listed = new Set(await source.list(signal));
    for (const id of knownBefore) {
      if (listed.has(id)) continue;
      const record = fleet.vanished(id, clock.nowNs());
      if (record !== undefined) touched(record);
    }
    await refresh.begin(listed);
  }

  #detailsRefresh(signal: AbortSignal): DetailsRefresh {
    const { source, fleet, clock, log, touched } = this.#options;
    const backoff = new Backoff(STREAM_BACKOFF);
    return new DetailsRefresh({
      inspect: async (ids) => {
        const all = await source.inspect(ids, signal);
        backoff.reset();
        return all;
      },
      fold: (details, fresh) => touched(fleet.details(details, fresh)),
      failed: async (error) => {
        if (signal.aborted) return false;
        log.warn("inspect failed", { err: asError(error) });
        await new Wake().wait(backoff.next(), clock, signal);
        return !signal.aborted;
      },
    });
  }
}
