/**
 * The watch of the container engine: follows its events and keeps the fleet equal to it.
 *
 * Each attempt opens the stream of events first and takes a snapshot (list and inspect) second, so
 * that no change falls between. After a loss the stream resumes from the last event. A snapshot every
 * 10 minutes finds changes that the stream lost. An inspection that is older than an event of its
 * container is repeated, and never overwrites newer state.
 *
 * Publishes `stateRead` for each container it reads, `listed` after the first snapshot of each
 * attempt, `parseError`, and changes of the watch itself; the fleet publishes all other changes.
 *
 * May import state, domain and platform. The engine is behind the port `EngineSource`.
 */
import { asError } from "../../platform/data/as-error.ts";
import { Backoff, ENGINE_BACKOFF } from "../../platform/time/backoff.ts";
import { EngineSession } from "./engine-session.ts";
import type { EngineSessionOptions } from "./engine-session.ts";
import { InspectFaults } from "./details-retry.ts";
import { StreamHealth } from "../../state/stream-health.ts";
import { supervise, Wake } from "../../platform/time/supervise.ts";

export interface EngineWatchOptions extends EngineSessionOptions {
  /** Time between snapshots while the stream is open. Default 10 minutes. */
  readonly snapshotIntervalMs?: number;
}

const SNAPSHOT_INTERVAL_MS = 600_000;

/** Follows one container engine and keeps the fleet equal to it. */
export class EngineWatch {
  readonly #options: EngineWatchOptions;
  readonly #backoff = new Backoff(ENGINE_BACKOFF);
  readonly #health: StreamHealth;
  readonly #faults: InspectFaults;
  /** True while the stream is open and its first snapshot was folded in. */
  up = false;
  /** Time of the last change of `up`: Unix nanoseconds; 0n before the first attempt has ended. */
  sinceNs = 0n;
  /** True once the first snapshot was folded in, for good. */
  listed = false;
  reconnects = 0;

  constructor(options: EngineWatchOptions) {
    const { bus, log } = options;
    this.#options = options;
    this.#faults = new InspectFaults(log, bus);
    this.#health = new StreamHealth({
      name: "docker events",
      identity: undefined,
      clock: options.clock,
      changed: (change) => bus.publish("change", change),
      quietFailures: 0,
    });
  }

  /** Watches until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await supervise((attemptSignal) => this.#attempt(attemptSignal), {
      signal,
      clock: this.#options.clock,
      backoff: this.#backoff,
      ended: (error, atNs) => this.#health.down(error, atNs),
    });
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { source, fleet, clock, cursor } = this.#options;
    cursor.begin(clock.nowNs());
    const attempt = new AbortController();
    const attemptSignal = AbortSignal.any([signal, attempt.signal]);
    const session = new EngineSession(this.#options, {
      faults: this.#faults,
      signal: attemptSignal,
    });
    const recoveredBefore = fleet.recovered;
    const events = source.events(session.sink, {
      sinceNs: cursor.sinceAt(clock.nowNs()),
      signal: attemptSignal,
    });
    const ended = events.then(() => {
      throw new Error("event stream ended");
    });
    const snapshot = session.snapshot();
    let more: Promise<void> | undefined;
    try {
      await Promise.race([snapshot, ended]);
      this.#succeeded(fleet.recovered - recoveredBefore);
      more = this.#snapshots(session, attemptSignal);
      await events;
    } finally {
      this.#set(false);
      attempt.abort();
      await Promise.allSettled([ended, snapshot, more]);
      await session.ended();
    }
  }

  #set(up: boolean): void {
    if (this.up !== up || this.sinceNs === 0n) this.sinceNs = this.#options.clock.nowNs();
    this.up = up;
  }

  #succeeded(recovered: number): void {
    const { log, bus, fleet, cursor } = this.#options;
    if (this.listed) this.reconnects += 1;
    else if (cursor.isRestored) log.info("resumed from stored position", { recovered });
    this.listed = true;
    cursor.listed();
    this.#set(true);
    bus.publish("listed", { containers: fleet.size });
    this.#backoff.reset();
    this.#health.corrected(recovered);
    this.#health.up();
  }

  /** Takes a snapshot at each interval: engines drop events of slow clients silently. */
  async #snapshots(session: EngineSession, signal: AbortSignal): Promise<void> {
    const { clock, log, fleet, snapshotIntervalMs = SNAPSHOT_INTERVAL_MS } = this.#options;
    while (!signal.aborted) {
      await new Wake().wait(snapshotIntervalMs, clock, signal);
      if (signal.aborted) return;
      const recoveredBefore = fleet.recovered;
      try {
        await session.snapshot();
      } catch (error) {
        if (!signal.aborted) log.warn("engine snapshot failed", { err: asError(error) });
      }
      const recovered = fleet.recovered - recoveredBefore;
      if (recovered > 0) log.warn("missed changes recovered", { recovered });
    }
  }
}
