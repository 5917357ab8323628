import type { ReadingSource } from "./readings.ts";
import type { ActiveState, FrozenState, UnitRow } from "./unit.ts";

/** Answers of `systemctl is-system-running` for a running systemd, in its order. */
export const SYSTEM_STATES = [
  "initializing",
  "starting",
  "running",
  "degraded",
  "maintenance",
  "stopping",
] as const;
export type SystemState = (typeof SYSTEM_STATES)[number];

/** Unit whose start job makes the system stop: from its queueing on, the state is `stopping`. */
export const SHUTDOWN_TARGET = "shutdown.target";

/**
 * The way in which a container's systemd is watched: over its bus, through the host's /proc or by a
 * command in it; over systemd's private socket; or by busctl, which may see nothing. `host`: the host's
 * own systemd.
 */
export type SystemdTransport = "socket" | "dbus" | "dbus-private" | "busctl" | "host";

/** The properties of org.freedesktop.systemd1.Unit that a Unit signal is read for. */
export interface UnitSignal {
  readonly kind: "unit";
  readonly unit: string;
  readonly activeState: ActiveState;
  readonly subState: string;
  /**
   * Time at which it entered the state, in Unix nanoseconds: StateChangeTimestamp, 0n for a unit
   * that never changed; the signal's own time if it has no such property.
   */
  readonly stateChangeNs: bigint;
  /** ActiveEnterTimestamp in Unix nanoseconds; 0n if it was never active, or it is missing. */
  readonly activeEnterNs: bigint;
  /** InvocationID, 32 hex digits: one for each start of the unit; "" if it is missing. */
  readonly invocationId: string;
  /** FreezerState; absent while it is running. */
  readonly frozenState?: FrozenState | undefined;
  /** True while a job of it is queued or runs; read of {@link SHUTDOWN_TARGET} alone. */
  readonly hasJob?: boolean | undefined;
  /** Time at which the signal was sent or, failing that, received: Unix nanoseconds. */
  readonly timeNs: bigint;
}

/**
 * The properties of a unit's type that a signal is read for: those of
 * org.freedesktop.systemd1.Service, and Result of the other types. It comes right before the unit's
 * Unit signal.
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

/**
 * A loaded service as systemd has it at one moment after a gap. Its counters and times show what was
 * missed.
 */
export interface ServiceEvidence
  extends Omit<ServiceSignal, "kind">, Omit<UnitSignal, "kind" | "unit" | "timeNs"> {
  readonly kind: "evidence";
  /**
   * False before `recovered`: it overrides every signal and journal entry about the service from before
   * its moment. True after that: it is compared with them, since the journal loses lines.
   */
  readonly isAfterSignals: boolean;
  /** Restart=; undefined if it is missing. */
  readonly policy: string | undefined;
  /** RestartUSec= in nanoseconds: each restart comes this long after the end of a run, or later. */
  readonly restartDelayNs: bigint;
  /** True if a job is queued for it: in a wait for a restart, that of the restart. */
  readonly hasJob: boolean;
  /** ExecMainStartTimestamp in Unix nanoseconds; 0n if no process was started. */
  readonly mainStartNs: bigint;
  /** ExecMainExitTimestamp in Unix nanoseconds; 0n if the main process runs, or none was started. */
  readonly mainExitNs: bigint;
  /** InactiveExitTimestamp in Unix nanoseconds: when it began to wait for a restart, after being failed. */
  readonly inactiveExitNs: bigint;
  /** True if LogLevelMax= keeps systemd's lines about its failures out of the journal. */
  readonly isUnlogged: boolean;
}

/** Settings of a service, as in {@link ServiceEvidence}; 0n if RestartSec= is unknown. */
export type RestartSettings = Pick<ServiceEvidence, "policy" | "restartDelayNs">;

/** NRestarts, Restart= and RestartSec= of a service: they explain what is missed later. */
export interface RestartCount extends RestartSettings {
  readonly restarts: number;
}

export interface RestartCountMessage extends RestartCount {
  readonly kind: "restart-count";
  readonly unit: string;
}

/** An entry of systemd's journal about one unit: a failure, or a restart by Restart=. */
export interface JournalEntry {
  readonly kind: "failure" | "restart";
  readonly unit: string;
  /** Result, of a failure. */
  readonly result: string | undefined;
  /** NRestarts from then on, of a restart. */
  readonly restarts: number | undefined;
  /** Of the run that failed; "" if it is missing. */
  readonly invocationId: string;
  /** A moment before the state change that it reports: Unix nanoseconds by systemd's clock. */
  readonly timeNs: bigint;
}

/** Facts about the manager, systemd as a whole. */
export interface ManagerFacts {
  /** Such as `252.39-1~deb12u1`. */
  readonly version?: string;
  /** `systemctl is-system-running`. */
  readonly systemState?: SystemState;
  /** UserspaceTimestamp, of the boot or of the last soft reboot, in Unix nanoseconds. */
  readonly userspaceNs?: bigint;
  /** SoftRebootsCount since the boot; systemd has it from v256 on. */
  readonly softReboots?: number;
  readonly timeNs: bigint;
}

/**
 * The stream is open: it carries every change from `atNs` on. Repeated if the stream goes on
 * but has, or may have, a gap.
 */
export interface AttachedMessage {
  readonly kind: "attached";
  readonly transport: SystemdTransport;
  readonly atNs: bigint;
}

/**
 * Entries of the journal from `journalSinceNs` on: no entries if nothing was missed, undefined if
 * the journal is unavailable. It follows each `attached` once, after the evidence.
 */
export interface RecoveredMessage {
  readonly kind: "recovered";
  readonly entries: readonly JournalEntry[] | undefined;
  /** Of services with restarts among the entries, as they are now. */
  readonly settings?: ReadonlyMap<string, RestartSettings>;
}

/** Id of the unit that each name stands for; undefined if no unit of that name is loaded. */
export type UnitIds = ReadonlyMap<string, string | undefined>;

/**
 * All loaded units; follows `recovered`. A signal newer than `asOfNs` overrides the row of its unit.
 */
export interface ListedMessage {
  readonly kind: "listed";
  readonly rows: readonly UnitRow[];
  readonly asOfNs: bigint;
  /** Of the requested names, as of the same time. A name that couldn't be resolved is missing. */
  readonly ids?: UnitIds | undefined;
}

/** ActiveEnterTimestamp of a unit whose start time was requested: Unix nanoseconds. */
export interface StartTimeMessage {
  readonly kind: "start-time";
  readonly unit: string;
  readonly timeNs: bigint;
}

/** FreezerState of a unit whose start time was requested; undefined while it is running. */
export interface FrozenMessage {
  readonly kind: "frozen";
  readonly unit: string;
  readonly frozenState: FrozenState | undefined;
}

/** OOMKills of a service: processes of its present or last run that were killed for their memory. */
export interface OomKillsMessage {
  readonly kind: "oom-kills";
  readonly unit: string;
  readonly count: number;
}

/** Units that were loaded since the listing. */
export interface LoadedMessage {
  readonly kind: "loaded";
  readonly rows: readonly UnitRow[];
  /** Of the requested names, as in a listing. */
  readonly ids?: UnitIds | undefined;
}

/** A unit that is no longer loaded. */
export interface RemovedMessage {
  readonly kind: "removed";
  readonly unit: string;
  readonly timeNs: bigint;
}

/** A better transport carries the stream on, without a gap. */
export interface MovedMessage {
  readonly kind: "moved";
  readonly transport: SystemdTransport;
}

/**
 * systemd doesn't answer, though its stream is open, or it does again. What it didn't send meanwhile follows
 * then.
 */
export interface SilenceMessage {
  readonly kind: "silence";
  readonly isActive: boolean;
  readonly atNs: bigint;
}

export interface ManagerMessage extends ManagerFacts {
  readonly kind: "manager";
}

/** A piece of input was malformed: it is counted, and the stream goes on. */
export interface ParseErrorMessage {
  readonly kind: "parse-error";
}

/** A message of a systemd source; they come in the order of the wire. */
export type SystemdMessage =
  | AttachedMessage
  | ServiceEvidence
  | RecoveredMessage
  | ListedMessage
  | RestartCountMessage
  | StartTimeMessage
  | FrozenMessage
  | OomKillsMessage
  | LoadedMessage
  | UnitSignal
  | ServiceSignal
  | RemovedMessage
  | ManagerMessage
  | MovedMessage
  | SilenceMessage
  | ParseErrorMessage;

/** The receiver's answer to a message; each field belongs to one kind. */
export interface SystemdReply {
  /** To `attached`: start of the journal entries that close the gap, in Unix nanoseconds. */
  readonly journalSinceNs?: bigint | undefined;
  /** To `attached`: names whose units are requested with each listing, since they can be aliases. */
  readonly unitNames?: readonly string[];
  /**
   * To `attached`, `recovered` and `listed`: services that may have changed in the gap, each with the
   * StateChangeTimestamp that shows that it didn't, in Unix nanoseconds; 0n if none does.
   */
  readonly evidenceOf?: ReadonlyMap<string, bigint>;
  /** To `recovered` and `evidence`: number of missed changes that were found. */
  readonly recoveredChanges?: number;
  /** To `recovered`: for each service, the runs whose end in the gap is unknown. */
  readonly unknownEnds?: ReadonlyMap<string, number>;
  /** To `listed`: units whose start time and FreezerState are requested, if the transport has them. */
  readonly startTimesOf?: readonly string[];
  /** To `unit`: unit whose row is requested, since its LoadState may have changed. */
  readonly rowOf?: string;
  /** To `listed` and `unit`: services whose OOMKills are requested, if the transport has them. */
  readonly oomKillsOf?: readonly string[];
  /** To `unit`: true if the manager's state is requested. */
  readonly managerState?: boolean;
  /** To `listed` and `unit`: services whose NRestarts and Restart= are requested, if the transport has them. */
  readonly restartCountsOf?: readonly string[];
}

/**
 * Takes one message. It is synchronous and never throws. A `unit` or `service` message is valid
 * during the call only: its source uses one object of each kind for all signals.
 */
export type TakeMessage = (message: SystemdMessage) => SystemdReply | undefined;

/** A stream that is attached, and whose units are listed. */
export interface OpenStream {
  readonly transport: SystemdTransport;
  /** Absent over busctl. */
  readonly readings?: ReadingSource | undefined;
  /**
   * Lists the units again. When it resolves, all that systemd sent before the call has been taken.
   * Rejects if the stream ends before.
   */
  relist(): Promise<void>;
}

export interface SystemdRunOptions {
  readonly signal: AbortSignal;
  /** Called after the first listing, and again when a better transport carries the stream on. */
  readonly opened?: (stream: OpenStream) => void;
}

/** A way to watch the systemd of one container, or the best of several. */
export interface SystemdSource {
  /**
   * Watches until the stream ends or `signal` aborts. Resolves at an end without a fault (EOF,
   * abort); rejects with the cause if the stream can't be opened, or breaks.
   */
  run(take: TakeMessage, options: SystemdRunOptions): Promise<void>;
}
