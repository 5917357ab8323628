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
  readonly kind: "unit";
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
  readonly kind: "service";
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
 * The stream is open: it carries every change from `atNs` on. Repeated where the stream goes on
 * but has, or may have, a gap.
 */
export interface AttachedMessage {
  readonly kind: "attached";
  readonly transport: SystemdTransport;
  readonly atNs: bigint;
}

/**
 * What the journal holds from `journalSinceNs` on: no entries if nothing was missed, undefined if
 * the journal is unavailable. It follows each `attached` once.
 */
export interface RecoveredMessage {
  readonly kind: "recovered";
  readonly entries: readonly JournalEntry[] | undefined;
}

/**
 * All loaded units; follows `recovered`. A signal newer than `asOfNs` overrides the row of its unit.
 */
export interface ListedMessage {
  readonly kind: "listed";
  readonly rows: readonly UnitRow[];
  readonly asOfNs: bigint;
}

/** ActiveEnterTimestamp of a unit whose start time was requested: Unix nanoseconds. */
export interface StartTimeMessage {
  readonly kind: "start-time";
  readonly unit: string;
  readonly timeNs: bigint;
}

/** Units that were loaded since the listing. */
export interface LoadedMessage {
  readonly kind: "loaded";
  readonly rows: readonly UnitRow[];
}

/** A unit that is no longer loaded. */
export interface RemovedMessage {
  readonly kind: "removed";
  readonly unit: string;
  readonly timeNs: bigint;
}

export interface ManagerMessage extends ManagerFacts {
  readonly kind: "manager";
}

/** A piece of input was malformed: it is counted, and the stream goes on. */
export interface ParseErrorMessage {
  readonly kind: "parse-error";
}

/** What a systemd source sends, in the order of the wire. */
export type SystemdMessage =
  | AttachedMessage
  | RecoveredMessage
  | ListedMessage
  | StartTimeMessage
  | LoadedMessage
  | UnitSignal
  | ServiceSignal
  | RemovedMessage
  | ManagerMessage
  | ParseErrorMessage;

/** The receiver's answer to a message; each field belongs to one kind. */
export interface SystemdReply {
  /** To `attached`: start of the journal entries that close the gap, in Unix nanoseconds. */
  readonly journalSinceNs?: bigint | undefined;
  /** To `recovered`: number of missed changes that the entries brought. */
  readonly recoveredChanges?: number;
  /** To `listed`: units whose start time is requested, if the transport has it. */
  readonly startTimesOf?: readonly string[];
}

/**
 * Takes one message. It is synchronous and never throws. A `unit` or `service` message is valid
 * during the call only: its source uses one object of each kind for all signals.
 */
export type TakeMessage = (message: SystemdMessage) => SystemdReply | undefined;

/** One way, or the best of several ways, to watch the systemd of one container. */
export interface SystemdSource {
  /**
   * Watches until the stream ends or `signal` aborts. Resolves at an end without a fault of its
   * own (EOF, abort); rejects with the cause where it can't be had or breaks.
   */
  run(take: TakeMessage, options: { readonly signal: AbortSignal }): Promise<void>;
}
