import type { Clock } from "../../domain/clock.ts";
import { logged } from "../../domain/container-name.ts";
import type { Logger } from "../../domain/log.ts";
import type { ReadingSource } from "../../domain/readings.ts";
import type {
  AttachedMessage,
  FrozenMessage,
  LoadedMessage,
  RecoveredMessage,
  SilenceMessage,
  SystemdMessage,
  SystemdReply,
  SystemdSource,
  UnitSignal,
} from "../../domain/systemd.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { ManagerRecord, UserManager } from "../../state/containers/user-manager.ts";
import type { Publisher } from "../../state/event-bus.ts";
import { Backoff, STREAM_BACKOFF } from "../../platform/time/backoff.ts";
import { ClockStepGuard } from "./clock-step-guard.ts";
import { BufferingSink } from "./buffering-sink.ts";
import { StreamHealth } from "../../state/stream-health.ts";
import { supervise, Wake } from "../../platform/time/supervise.ts";

export interface SystemdWatchOptions {
  /** The container, or the host. */
  readonly record: ContainerRecord;
  /** User manager that is watched. Default: the system's. */
  readonly manager?: UserManager | undefined;
  /** Called when facts about a unit, or about all, were folded in. */
  readonly unitsRead?: ((unit: string | undefined) => void) | undefined;
  readonly source: SystemdSource;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gets `stateRead` after a listing, start times, the manager's state or a frozen unit, and `parseError`. */
  readonly bus: Publisher;
}

/** Failures that aren't reported while a node boots: systemd and its bus come up in about a second. */
const QUIET_FAILURES = 6;
/** The same of the host, which has booted. */
const HOST_QUIET_FAILURES = 1;

/** A container that can be entered again is watched within 30 s, its attempt included. */
const MAX_WAIT_MS = 25_000;

/** Watches one systemd of a container, from its start until it dies. */
export class SystemdWatch {
  readonly #options: SystemdWatchOptions;
  /** The systemd that is watched. */
  readonly #manager: ManagerRecord;
  readonly #backoff = new Backoff({ ...STREAM_BACKOFF, maxMs: MAX_WAIT_MS });
  readonly #wake = new Wake();
  readonly #end = new AbortController();
  readonly #health: StreamHealth;
  readonly #done: Promise<void>;
  readonly #steps: ClockStepGuard;
  #wasPaused = false;
  #readings: ReadingSource | undefined;

  constructor(options: SystemdWatchOptions) {
    this.#options = options;
    const manager = options.manager ?? options.record;
    this.#manager = manager;
    const { isHost } = manager.identity;
    this.#health = new StreamHealth({
      name: "systemd",
      // A rename changes it.
      get identity() {
        return manager.identity;
      },
      clock: options.clock,
      changed: (change) => options.bus.publish("change", change),
      quietFailures: isHost === true ? HOST_QUIET_FAILURES : QUIET_FAILURES,
    });
    const sinceNs = options.clock.nowNs();
    this.#steps = new ClockStepGuard(options.clock, manager.systemd);
    this.#done = supervise((signal) => this.#attempt(signal), {
      signal: this.#end.signal,
      clock: options.clock,
      backoff: this.#backoff,
      wake: this.#wake,
      ended: (error, atNs) => {
        // Changes from the first attempt on count, whichever attempt succeeds.
        manager.systemd.journalCursor.from(sinceNs);
        this.#health.down(error, atNs);
      },
    });
  }

  /** Reads what no signal carries, over the open stream; undefined if there is none, or it can't. */
  get readings(): ReadingSource | undefined {
    return this.#readings;
  }

  /** The container is paused: no attempt can succeed. */
  paused(): void {
    this.#wasPaused = true;
  }

  /** Tries again at once: the container may be reachable now. After a pause it may still boot. */
  wake(): void {
    if (this.#wasPaused) this.#backoff.reset();
    this.#wasPaused = false;
    this.#wake.wake();
  }

  /** Ends the watch. Resolves when its process in the container is gone, or was cut off. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { source } = this.#options;
    const attempt = new AbortController();
    const either = AbortSignal.any([signal, attempt.signal]);
    try {
      const sink = new BufferingSink({
        take: (message) => this.#take(message),
        signal: either,
        overflow: () => attempt.abort(new Error("systemd sends more than the buffer can hold")),
      });
      await source.run(sink.take, {
        signal: either,
        opened: ({ readings }) => {
          this.#readings = readings;
        },
      });
    } finally {
      this.#readings = undefined;
      // After an abort the container's next run may be watched already.
      if (!signal.aborted) this.#manager.systemd.lost();
    }
    if (!signal.aborted) attempt.signal.throwIfAborted();
  }

  #take(message: SystemdMessage): SystemdReply | undefined {
    const reply = this.#applied(message);
    const { unitsRead } = this.#options;
    switch (message.kind) {
      case "unit":
      case "evidence":
      case "removed":
        unitsRead?.(message.unit);
        break;
      case "listed":
      case "loaded":
      case "recovered":
        unitsRead?.(undefined);
        break;
      default:
    }
    return reply;
  }

  #applied(message: SystemdMessage): SystemdReply | undefined {
    const { record, bus, log } = this.#options;
    const { systemd, identity } = this.#manager;
    switch (message.kind) {
      case "unit":
        this.#steps.observe();
        return this.#freezable(message);
      case "removed":
        this.#steps.observe();
        return systemd.take(message);
      case "frozen":
        return this.#freezable(message);
      case "service":
      case "oom-kills":
      case "restart-count":
        return systemd.take(message);
      case "evidence": {
        const reply = systemd.take(message);
        this.#health.corrected(reply?.recoveredChanges ?? 0);
        return reply;
      }
      case "loaded":
        return this.#loaded(message);
      case "attached":
        this.#steps.attached(message.atNs);
        this.#warnOfBusctl(message);
        return systemd.take(message);
      case "recovered":
        return this.#recovered(message);
      case "listed": {
        const reply = systemd.take(message);
        this.#backoff.reset();
        this.#health.up();
        bus.publish("stateRead", { record, source: "systemd" });
        return reply;
      }
      case "start-time":
      case "manager":
        systemd.take(message);
        bus.publish("stateRead", { record, source: "systemd" });
        return undefined;
      case "moved":
        log.info("moved to a better transport", {
          ...logged(identity),
          transport: message.transport,
        });
        return systemd.take(message);
      case "silence":
        this.#silence(message);
        return undefined;
      case "parse-error":
        bus.publish("parseError", { source: "systemd" });
        return undefined;
      default:
        return message satisfies never;
    }
  }

  /** The stream stays open: what systemd has to send follows when it goes on. */
  #silence(message: SilenceMessage): void {
    const { record, bus } = this.#options;
    record.systemd.take(message);
    if (message.isActive) this.#health.down(new Error("systemd doesn't answer"), message.atNs);
    else this.#health.up();
    bus.publish("stateRead", { record, source: "systemd" });
  }

  /** A unit that freezes or thaws keeps its state: no change notifies clients. */
  #freezable(message: UnitSignal | FrozenMessage): SystemdReply | undefined {
    const { record, bus } = this.#options;
    const { systemd } = this.#manager;
    const { units } = systemd;
    const before = units.get(message.unit)?.frozenState;
    const reply = systemd.take(message);
    if (units.get(message.unit)?.frozenState !== before) {
      bus.publish("stateRead", { record, source: "systemd" });
    }
    return reply;
  }

  /** Names may stand for other units now, though no unit has changed. */
  #loaded(message: LoadedMessage): SystemdReply | undefined {
    const { record, bus } = this.#options;
    const reply = this.#manager.systemd.take(message);
    if (message.ids !== undefined) bus.publish("stateRead", { record, source: "systemd" });
    return reply;
  }

  #recovered({ kind, entries }: RecoveredMessage): SystemdReply | undefined {
    const { log } = this.#options;
    const { systemd, identity } = this.#manager;
    const reply = systemd.take({ kind, entries: entries && this.#steps.since(entries) });
    if (entries === undefined) {
      log.limited("journal").warn("journal unavailable, missed changes estimated", {
        ...logged(identity),
      });
    }
    for (const [unit, runs] of reply?.unknownEnds ?? []) {
      log.limited("unknown ends").warn("service runs ended unseen, result unknown", {
        ...logged(identity),
        unit,
        runs,
      });
    }
    this.#health.corrected(reply?.recoveredChanges ?? 0);
    return reply;
  }

  #warnOfBusctl({ transport }: AttachedMessage): void {
    const { log } = this.#options;
    const { systemd, identity } = this.#manager;
    if (transport !== "busctl" || systemd.transport === "busctl") return;
    log.warn(
      "watching by busctl: systemd sends changes only while a client such as logind subscribes",
      logged(identity),
    );
  }
}
