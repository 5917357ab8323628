import type { ActiveState, UnitRow } from "./unit.ts";

/** What `systemctl is-system-running` can say of a running systemd, in its order. */
export const SYSTEM_STATES = [
  "initializing",
  "starting",
  "running",
  "degraded",
  "maintenance",
  "stopping",
] as const;
export type SystemState = (typeof SYSTEM_STATES)[number];

/** How a container's systemd is watched. */
export type SystemdTransport = "dbus" | "busctl";

/** A Unit signal, as far as it is needed: org.freedesktop.systemd1.Unit properties. */
export interface UnitSignal {
  readonly unit: string;
  readonly activeState: ActiveState;
  readonly subState: string;
  /**
   * When it entered the state, as Unix nanoseconds: StateChangeTimestamp, 0n for a unit that never
   * changed; the signal's own time where it doesn't carry that property.
   */
  readonly stateChangeNs: bigint;
  /** ActiveEnterTimestamp as Unix nanoseconds; 0n where it was never active, or isn't told. */
  readonly activeEnterNs: bigint;
  /** InvocationID, 32 hex digits: one for each time that the unit was started; "" for none. */
  readonly invocationId: string;
  /** When the signal was sent or, failing that, received: Unix nanoseconds. */
  readonly timeNs: bigint;
}

/**
 * A signal of what a unit has by its type, as far as it is needed: org.freedesktop.systemd1.Service
 * properties, and Result of the other types. It comes right before the unit's Unit signal.
 */
export interface ServiceSignal {
  readonly unit: string;
  readonly result: string | undefined;
  readonly restarts: number | undefined;
  /** ExecMainStatus: exit status or signal number. */
  readonly exitStatus: number | undefined;
  readonly timeNs: bigint;
}

/** What systemd's journal tells of one unit: a failure, or a restart by Restart=. */
export interface JournalEntry {
  readonly kind: "failure" | "restart";
  readonly unit: string;
  /** Result, of a failure. */
  readonly result: string | undefined;
  /** NRestarts from then on, of a restart. */
  readonly restarts: number | undefined;
  /** Of the run that failed; "" where it isn't told. */
  readonly invocationId: string;
  /** A moment before the state change that it tells of: Unix nanoseconds by systemd's clock. */
  readonly timeNs: bigint;
}

/** What the manager says of itself. */
export interface ManagerFacts {
  /** Such as `252.39-1~deb12u1`. */
  readonly version?: string;
  /** `systemctl is-system-running`. */
  readonly systemState?: SystemState;
  readonly timeNs: bigint;
}

/**
 * What a systemd source tells, in the order of the wire. All calls are synchronous and never throw.
 * What is passed is valid during the call: a source may use its objects again.
 */
export interface SystemdSink {
  /**
   * The stream stands: from `atNs` on, every change is told. To be called again where the stream
   * goes on but has, or may have, a gap. Answers from when on the journal has
   * to tell what was missed before; undefined where nothing was.
   */
  attached(transport: SystemdTransport, atNs: bigint): bigint | undefined;
  /**
   * What the journal tells since then, undefined where it can't be read; to be called once after
   * `attached`, however often that was, with no entries where nothing is to be told.
   */
  recovered(entries: readonly JournalEntry[] | undefined): void;
  /**
   * All units that are loaded; to be called after `recovered`. A unit of which a signal was told
   * that is newer than `asOfNs` is known better than its row. Answers with the units of which the
   * start time is wanted, if it can be had.
   */
  snapshot(rows: readonly UnitRow[], asOfNs: bigint): readonly string[];
  /** ActiveEnterTimestamp of a unit, where it was asked for: Unix nanoseconds. */
  startTime(unit: string, timeNs: bigint): void;
  /** Units that were loaded just now. */
  loaded(rows: readonly UnitRow[]): void;
  unit(signal: UnitSignal): void;
  service(signal: ServiceSignal): void;
  /** The unit is no longer loaded. */
  removed(unit: string, timeNs: bigint): void;
  manager(facts: ManagerFacts): void;
  /** A piece of input couldn't be read: it is counted, and the stream goes on. */
  parseError(): void;
}

/** One way, or the best of several ways, to watch the systemd of one container. */
export interface SystemdSource {
  /**
   * Watches until the stream ends or `signal` aborts. Resolves at an end without a fault of its
   * own (EOF, abort); rejects with the cause where it can't be had or breaks.
   */
  run(sink: SystemdSink, options: { readonly signal: AbortSignal }): Promise<void>;
}
