import { asError } from "../../platform/data/as-error.ts";
import { Backoff, ENGINE_BACKOFF } from "../../platform/time/backoff.ts";
import { EngineSession } from "./engine-session.ts";
import type { EngineSessionOptions } from "./engine-session.ts";
import { InspectFaults } from "./inspect-faults.ts";
import { StreamHealth } from "../../state/stream-health.ts";
import { supervise, Wake } from "../../platform/time/supervise.ts";

export interface EngineWatchOptions extends EngineSessionOptions {
  /** From one snapshot to the next while the stream stands. Default 10 minutes. */
  readonly snapshotIntervalMs?: number;
}

const SNAPSHOT_INTERVAL_MS = 600_000;

/**
 * Keeps the fleet true to the engine: listens to events first, then lists and inspects, so that
 * nothing falls between; again after each loss, from the last event on, and from time to time.
 */
export class EngineWatch {
  readonly #options: EngineWatchOptions;
  readonly #backoff = new Backoff(ENGINE_BACKOFF);
  readonly #health: StreamHealth;
  readonly #faults: InspectFaults;
  /** False while the engine can't be reached. */
  up = false;
  /** Since when it is as `up` says: Unix nanoseconds; 0n before the first attempt has ended. */
  sinceNs = 0n;
  /** True once the first listing was folded in; it stays so. */
  listed = false;
  reconnects = 0;

  constructor(options: EngineWatchOptions) {
    const { bus, log } = options;
    this.#options = options;
    this.#faults = new InspectFaults(log, bus);
    this.#health = new StreamHealth({
      what: "docker events",
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
      throw new Error("the stream of events ended");
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

  /** A slow reader loses events without notice, and so may any stream: looks from time to time. */
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
