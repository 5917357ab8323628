import type { Change } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import type { SystemdSink, SystemdSource } from "../domain/systemd.ts";
import type { ContainerRecord } from "../state/container-record.ts";
import { Backoff, STREAM_BACKOFF } from "./backoff.ts";
import { StreamHealth } from "./stream-health.ts";
import { supervise, Wake } from "./supervise.ts";

export interface SystemdWatchOptions {
  readonly record: ContainerRecord;
  readonly source: SystemdSource;
  readonly clock: Clock;
  readonly changed: (change: Change) => void;
  readonly parseError: () => void;
}

/** Failures while a node boots: systemd and its bus are there after about a second. */
const QUIET_FAILURES = 4;

/** Keeps one container's systemd watched, from its start until it dies. */
export class SystemdWatch {
  readonly #options: SystemdWatchOptions;
  readonly #backoff = new Backoff(STREAM_BACKOFF);
  readonly #wake = new Wake();
  readonly #end = new AbortController();
  readonly #health: StreamHealth;
  readonly #done: Promise<void>;

  constructor(options: SystemdWatchOptions) {
    this.#options = options;
    this.#health = new StreamHealth({
      what: `systemd over ${options.source.transport}`,
      identity: options.record.identity,
      clock: options.clock,
      changed: options.changed,
      quietFailures: QUIET_FAILURES,
    });
    this.#done = supervise((signal) => this.#attempt(signal), {
      signal: this.#end.signal,
      clock: options.clock,
      backoff: this.#backoff,
      wake: this.#wake,
      ended: (error) => this.#health.down(error),
    });
  }

  /** Tries again at once: the container may be reachable now. */
  wake(): void {
    this.#wake.wake();
  }

  /** Ends it. Resolves when its process in the container is gone, as far as that can be had. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { source, record } = this.#options;
    try {
      await source.run(this.#sink(signal), { signal });
    } finally {
      // After an abort the container's next life may be watched already.
      if (!signal.aborted) record.systemd.lost();
    }
  }

  /** What comes after the end is of a container that has died: it is not folded in. */
  #sink(signal: AbortSignal): SystemdSink {
    const { systemd } = this.#options.record;
    return {
      attached: (transport, atNs) => {
        if (!signal.aborted) systemd.attached(transport, atNs);
      },
      snapshot: (rows, asOfNs) => {
        if (signal.aborted) return;
        systemd.snapshot(rows, asOfNs);
        this.#backoff.reset();
        this.#health.up();
      },
      unit: (unitSignal) => {
        if (!signal.aborted) systemd.unit(unitSignal);
      },
      service: (serviceSignal) => {
        if (!signal.aborted) systemd.service(serviceSignal);
      },
      parseError: this.#options.parseError,
    };
  }
}
