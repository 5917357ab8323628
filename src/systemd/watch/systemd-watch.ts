import type { Change } from "../../domain/change.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import type { SystemdSink, SystemdSource } from "../../domain/systemd.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import { Backoff, STREAM_BACKOFF } from "../../platform/time/backoff.ts";
import { ClockStepGuard } from "./clock-step-guard.ts";
import { BufferingSink } from "./buffering-sink.ts";
import { StreamHealth } from "../../state/stream-health.ts";
import { supervise, Wake } from "../../platform/time/supervise.ts";

export interface SystemdWatchOptions {
  readonly record: ContainerRecord;
  readonly source: SystemdSource;
  readonly clock: Clock;
  readonly log: Logger;
  readonly changed: (change: Change) => void;
  readonly parseError: () => void;
  /** What was so already was folded into the container's state, or a part of it. */
  readonly snapshotted?: (record: ContainerRecord) => void;
}

/** Failures while a node boots: systemd and its bus are there after about a second. */
const QUIET_FAILURES = 6;

/** Keeps one container's systemd watched, from its start until it dies. */
export class SystemdWatch {
  readonly #options: SystemdWatchOptions;
  readonly #backoff = new Backoff(STREAM_BACKOFF);
  readonly #wake = new Wake();
  readonly #end = new AbortController();
  readonly #health: StreamHealth;
  readonly #done: Promise<void>;
  readonly #steps: ClockStepGuard;

  constructor(options: SystemdWatchOptions) {
    this.#options = options;
    this.#health = new StreamHealth({
      what: "systemd",
      // Its name can change.
      get identity() {
        return options.record.identity;
      },
      clock: options.clock,
      changed: options.changed,
      quietFailures: QUIET_FAILURES,
    });
    const sinceNs = options.clock.nowNs();
    this.#steps = new ClockStepGuard(options.clock, options.record.systemd);
    this.#done = supervise((signal) => this.#attempt(signal), {
      signal: this.#end.signal,
      clock: options.clock,
      backoff: this.#backoff,
      wake: this.#wake,
      ended: (error, atNs) => {
        // What happens from the first attempt on is to be counted, whenever one succeeds.
        options.record.systemd.journalCursor.from(sinceNs);
        this.#health.down(error, atNs);
      },
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
    const attempt = new AbortController();
    const either = AbortSignal.any([signal, attempt.signal]);
    try {
      await source.run(this.#sink(either, attempt), { signal: either });
    } finally {
      // After an abort the container's next life may be watched already.
      if (!signal.aborted) record.systemd.lost();
    }
    if (!signal.aborted) attempt.signal.throwIfAborted();
  }

  #sink(signal: AbortSignal, attempt: AbortController): SystemdSink {
    const { record, log, parseError } = this.#options;
    const { systemd } = record;
    const container = record.identity.name;
    return new BufferingSink({
      signal,
      overflow: () => attempt.abort(new Error("systemd tells more than can be held")),
      attached: (transport, atNs) => {
        this.#steps.attached(atNs);
        if (transport === "busctl" && systemd.transport !== "busctl") {
          log.warn(
            "watching by busctl: systemd tells changes only while some client, such as logind, subscribes",
            { container },
          );
        }
        return systemd.attached(transport, atNs);
      },
      recovered: (entries) => {
        const missed = systemd.recovered(entries && this.#steps.since(entries));
        if (entries === undefined) {
          log.limited("journal").warn("the journal can't be read: what was missed is guessed", {
            container,
          });
        }
        this.#health.corrected(missed);
      },
      snapshot: (rows, asOfNs) => {
        const unknown = systemd.snapshot(rows, asOfNs);
        this.#backoff.reset();
        this.#health.up();
        this.#options.snapshotted?.(record);
        return unknown;
      },
      startTime: (unit, timeNs) => {
        systemd.startTime(unit, timeNs);
        this.#options.snapshotted?.(record);
      },
      loaded: (rows) => systemd.loaded(rows),
      unit: (unitSignal) => {
        this.#steps.news();
        systemd.unit(unitSignal);
      },
      service: (serviceSignal) => systemd.service(serviceSignal),
      removed: (unit, timeNs) => {
        this.#steps.news();
        systemd.removed(unit, timeNs);
      },
      manager: (facts) => {
        systemd.manager.told(facts);
        this.#options.snapshotted?.(record);
      },
      parseError,
    });
  }
}
