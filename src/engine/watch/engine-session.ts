import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { ContainerDetails } from "../../domain/container.ts";
import type { EngineEvent } from "../../domain/engine-event.ts";
import type {
  EngineSink,
  EngineSource,
  Inspection,
  Uninspected,
} from "../../domain/engine-source.ts";
import type { Logger } from "../../domain/log.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { Publisher } from "../../state/event-bus.ts";
import type { Fleet } from "../../state/fleet.ts";
import { Backoff, STREAM_BACKOFF } from "../../platform/time/backoff.ts";
import { DetailsRefresh } from "./details-refresh.ts";
import { DetailsRetry } from "./details-retry.ts";
import type { InspectFaults } from "./details-retry.ts";
import type { EventCursor } from "./event-cursor.ts";
import { OverdueStarts } from "./overdue-starts.ts";
import { Wake } from "../../platform/time/supervise.ts";

export interface EngineSessionOptions {
  readonly source: EngineSource;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bus: Publisher;
  /** Position in the stream of events, kept across sessions. */
  readonly cursor: EventCursor;
}

/** Actions after which an inspection shows more than their event. */
const ACTIONS_TO_INSPECT = new Set([
  "create",
  "start",
  // It may end the wait for a restart, without a `die`.
  "stop",
  "die",
  "rename",
  "restart",
  "pause",
  "unpause",
  // Of a source without an engine.
  "update",
  // Older podman leaves out the result of the check.
  "health_status",
]);

/** Limit of one container in a request for several, and in a request of its own. */
const INSPECT_LIMIT_MS = 5_000;
const RETRY_LIMIT_MS = 30_000;

/** Limit of a replay. The engine replays at once, but waits if its clock is behind ours. */
const REPLAY_LIMIT_MS = 3_000;
/** Limit if the newest event is ahead of our clock, and maybe of the engine's, which was set back. */
const AHEAD_LIMIT_MS = 1_000;

/**
 * One stream of the engine's events with its snapshots. A snapshot shows missed changes only if
 * every event before it was applied. To ensure that, the session replays the events up to each
 * answer, and inspects a container again if it had an event since the request.
 */
export class EngineSession {
  readonly #options: EngineSessionOptions;
  readonly #cursor: EventCursor;
  readonly #signal: AbortSignal;
  readonly #refresh: DetailsRefresh;
  readonly #retry: DetailsRetry;
  readonly #faults: InspectFaults;
  readonly #overdue: OverdueStarts;
  /** Containers that the current snapshot is not compared with yet. */
  readonly #pending = new Set<string>();
  readonly sink: EngineSink;
  #hasBegun = false;

  constructor(
    options: EngineSessionOptions,
    { faults, signal }: { readonly faults: InspectFaults; readonly signal: AbortSignal },
  ) {
    this.#options = options;
    this.#cursor = options.cursor;
    this.#faults = faults;
    this.#signal = signal;
    const backoff = new Backoff(STREAM_BACKOFF);
    this.#refresh = new DetailsRefresh({
      inspect: async (ids) => {
        const all = await this.#inspect(ids, INSPECT_LIMIT_MS);
        backoff.reset();
        return all;
      },
      fold: (details, fresh) => this.#fold(details, fresh),
      unreadable: (failure, fresh) => this.#unreadable(failure, fresh),
      failed: (error) => this.#failed(error, backoff),
    });
    this.#retry = new DetailsRetry({
      inspect: (ids) => this.#inspect(ids, RETRY_LIMIT_MS),
      fold: (details, fresh) => this.#fold(details, fresh),
      unreadable: (failure, fresh) => this.#unreadable(failure, fresh),
      failed: (error) =>
        options.log.limited("inspect").warn("inspect failed", { err: asError(error) }),
      again: (id) => this.#refresh.request(id),
      clock: options.clock,
      signal,
    });
    this.#overdue = new OverdueStarts(options.clock, (id) => this.#request(id));
    signal.addEventListener("abort", () => this.#overdue[Symbol.dispose](), { once: true });
    this.sink = {
      event: (event) => this.#event(event),
      parseError: () => options.bus.publish("parseError", { source: "docker" }),
    };
  }

  /** Resolves when no request is open; call after the signal has aborted. */
  async ended(): Promise<void> {
    await this.#refresh.idle();
    await this.#retry.ended();
  }

  /**
   * Lists and inspects all containers, and applies missed changes as recovered.
   *
   * @throws if a request to the engine fails
   */
  async snapshot(): Promise<void> {
    const { source, fleet, clock } = this.#options;
    // Events that the engine still has were not missed: they are applied first.
    if (this.#hasBegun || fleet.size > 0) await this.#catchUp();
    const knownBefore = fleet.ids();
    const listed = new Set(await source.list(this.#signal));
    // Destroyed containers go first: others may have their names.
    const missing = [...knownBefore].filter((id) => !listed.has(id));
    if (missing.length > 0) await this.#catchUp();
    this.#signal.throwIfAborted();
    for (const id of missing) {
      const record = fleet.vanished(id, clock.nowNs(), source.listsRunning !== true);
      this.#gone(id);
      if (record !== undefined) this.#read(record);
    }
    for (const id of listed) this.#pending.add(id);
    if (this.#hasBegun) {
      for (const id of listed) this.#request(id);
      await this.#refresh.idle();
    } else {
      await this.#refresh.begin(listed);
      this.#hasBegun = true;
    }
    this.#signal.throwIfAborted();
    fleet.complete();
  }

  #request(id: string): void {
    if (this.#retry.has(id)) this.#retry.request(id);
    else this.#refresh.request(id);
  }

  #gone(id: string): void {
    this.#refresh.gone(id);
    this.#retry.gone(id);
    this.#faults.gone(id);
    this.#pending.delete(id);
  }

  #event(event: EngineEvent): void {
    if (!this.#cursor.advance(event)) return;
    const record = this.#options.fleet.engineEvent(event);
    if (event.action === "destroy" || event.action === "forget") this.#gone(event.id);
    if (record === undefined) {
      // The filters may have hidden it under its old name.
      if (event.action === "rename") this.#request(event.id);
      return;
    }
    if (ACTIONS_TO_INSPECT.has(event.action)) this.#request(event.id);
    else if (this.#retry.has(event.id)) this.#retry.happened(event.id);
    else this.#refresh.happened(event.id);
    this.#read(record);
    if (this.#signal.aborted) return;
    if (event.action === "create") this.#overdue.created(record);
    if (event.action === "stop") this.#overdue.stopping(record);
  }

  async #inspect(ids: readonly string[], limitMs: number): Promise<Inspection> {
    const { source, fleet } = this.#options;
    const { details, failures } = await source.inspect(ids, { limitMs, signal: this.#signal });
    if (ids.some((id) => this.#pending.has(id))) await this.#catchUp();
    // Known ones first: one that was renamed unseen frees its name for a new one.
    const rank = ({ identity }: ContainerDetails): number => (fleet.get(identity.id) ? 0 : 1);
    return { details: details.toSorted((a, b) => rank(a) - rank(b)), failures };
  }

  #fold(details: ContainerDetails, fresh: boolean): void {
    const { fleet, clock } = this.#options;
    const { id, name } = details.identity;
    this.#faults.succeeded(id, name);
    const isExact = fresh && this.#pending.delete(id);
    this.#read(isExact ? fleet.reconcile(details, clock.nowNs()) : fleet.details(details, fresh));
  }

  /** Folds in the listing. The container stays pending: a later inspection finds missed changes. */
  #unreadable(failure: Uninspected, fresh: boolean): void {
    const { fleet, clock } = this.#options;
    const { id, summary } = failure;
    this.#faults.failed(failure);
    const exact = fresh && this.#pending.has(id);
    const record = fleet.listed(summary, { fresh, exact, nowNs: clock.nowNs() });
    if (record !== undefined) this.#read(record);
    this.#retry.add(id);
  }

  #read(record: ContainerRecord): void {
    if (!this.#signal.aborted) this.#overdue.read(record);
    this.#options.bus.publish("stateRead", { record, source: "engine" });
  }

  async #failed(error: unknown, backoff: Backoff): Promise<boolean> {
    const { clock, log } = this.#options;
    if (this.#signal.aborted) return false;
    // An engine that shuts down slowly fails each of them.
    log.limited("inspect").warn("inspect failed", { err: asError(error) });
    await new Wake().wait(backoff.next(), clock, this.#signal);
    return !this.#signal.aborted;
  }

  /** Applies the events up to now. */
  async #catchUp(): Promise<void> {
    const { source, clock } = this.#options;
    if (source.replay === undefined) return;
    const { lastNs } = this.#cursor;
    const nowNs = clock.nowNs();
    const isAhead = lastNs > nowNs;
    const sinceNs = this.#cursor.sinceAt(nowNs);
    const untilNs = isAhead ? lastNs : nowNs;
    let isReplayed = false;
    const done = new AbortController();
    const signal = AbortSignal.any([this.#signal, done.signal]);
    try {
      await Promise.race([
        source.replay(this.sink, { sinceNs, untilNs, signal }).then(() => (isReplayed = true)),
        clock.sleep(isAhead ? AHEAD_LIMIT_MS : REPLAY_LIMIT_MS, signal),
      ]);
      // The engine waits for a time that its clock, which was set back, has yet to reach.
      if (isAhead && !isReplayed) this.#cursor.setBack(nowNs);
    } finally {
      done.abort();
    }
  }
}
