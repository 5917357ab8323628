import type { ContainerStatus, HealthStatus, UnknownFact } from "./container.ts";
import type { EventKind } from "./event.ts";
import type { SystemdTransport, SystemState } from "./systemd.ts";
import type { ActiveState, FrozenState, LoadFault } from "./unit.ts";

/**
 * Time in the JSON of `/api/v1/state` and `/api/v1/events`: RFC 3339 in UTC with up to nine
 * fractional digits. What is unknown, or doesn't apply, is null. Members may be added, and are neither
 * renamed nor removed.
 */
export type Time = string;

/** How often something happened in the last 15 minutes. */
export interface RecentCount {
  readonly count: number;
  readonly firstAt: Time | null;
  readonly lastAt: Time | null;
}

/** One entry of a container's journal. */
export interface LineReport {
  /** When the journal got it. */
  readonly time: Time | null;
  /** Syslog's levels, 0 (emerg) to 7 (debug). */
  readonly priority: number | null;
  /** Such as the name of the program. */
  readonly identifier: string;
  readonly pid: number | null;
  /** Cut at 16 KiB; may have line ends and control characters. */
  readonly message: string;
}

/** A change of the last hour, or several that are alike and lie close together. */
export interface PastChangeReport {
  readonly kind: EventKind;
  /** "" if it isn't about a unit, or about several. */
  readonly unit: string;
  readonly count: number;
  readonly firstAt: Time | null;
  readonly lastAt: Time | null;
  /** State before the first; null if unknown. */
  readonly previousState: string | null;
  /** State after the last: of the unit, of systemd, of the container or of its health; null if it changes none. */
  readonly state: string | null;
  /** Result of the unit that failed, or exit code of the container. */
  readonly result: string | null;
}

/** Changes within an hour, as far as they are known. */
export interface HistoryReport {
  /** All changes from then on are known. */
  readonly since: Time | null;
  /** At most 64, the oldest first. */
  readonly changes: readonly PastChangeReport[];
}

/** Facts about a unit that are queried on request: of a unit that the request names. */
export interface UnitDetails {
  readonly description: string;
  /** Program of its first ExecStart=; null without one. */
  readonly command: string | null;
  readonly triggeredBy: readonly string[];
  readonly triggers: readonly string[];
  /** When its timer, or itself if it is one, elapses next. */
  readonly nextRunAt: Time | null;
  readonly restartPolicy: string | null;
  readonly memoryBytes: number | null;
  readonly memoryPeakBytes: number | null;
  /** null without a limit. */
  readonly memoryMaxBytes: number | null;
}

/** The process of a unit that the kernel killed for lack of memory. null: nothing that this process may read says it. */
export interface OomKillReport {
  /** Name of its program: by the kernel, cut at 15 bytes; by systemd, the path. */
  readonly process: string | null;
  /** By the kernel, in the host's pid namespace; by systemd, in the container's. */
  readonly pid: number | null;
  /** Limit that was reached; null if it isn't known, or the host itself ran out of memory. */
  readonly limitBytes: number | null;
  /** `kernel`: its log; `systemd`: it was the unit's main process, and its or the container's limit. */
  readonly knownBy: "kernel" | "systemd" | null;
}

/** One unit of a container's systemd that the unit filters show. */
export interface UnitReport {
  /** Of a unit of a user manager, with the manager before it: `user@1000.service/app.service`. */
  readonly name: string;
  /** User id of the user manager whose unit it is; absent for the system's. */
  readonly user?: string;
  /** Suffix of the name: `service`, `timer`, … */
  readonly type: string;
  /** ActiveState; null if the unit isn't loaded any more, and only its counters are left. */
  readonly activeState: ActiveState | null;
  readonly subState: string;
  /** LoadState if systemd couldn't, or mustn't, load it; null otherwise. */
  readonly loadState: LoadFault | null;
  /** FreezerState while it isn't running: its processes are frozen, whatever ActiveState is. */
  readonly freezerState: FrozenState | null;
  /** When it entered its state. */
  readonly since: Time | null;
  /** Result, as systemd names it: `success`, `exit-code`, `signal`, … */
  readonly result: string | null;
  /** Exit status of its main process, or the number of the signal that ended it. */
  readonly exitCode: number | null;
  /** How its main process ended after a failure, as `systemctl status` names it: `SIGKILL`, `203/EXEC`, `1`. */
  readonly endedWith: string | null;
  /** True if systemd doesn't start it again by itself: its start limit is reached. */
  readonly startLimitHit: boolean;
  /** True if its last failure was a kill for lack of memory, by its Result or by the time of its container's. */
  readonly outOfMemory: boolean;
  /** When counting began. */
  readonly countingSince: Time | null;
  /** Failures by Result, since it is watched. */
  readonly failures: Readonly<Record<string, number>>;
  readonly lastFailureAt: Time | null;
  /** True if the last lines of a failure are known; they follow it within seconds. */
  readonly hasLastLines: boolean;
  /** Last lines of its last failure, else of its newest run, the oldest first, if the request names units. */
  readonly lastLines?: readonly LineReport[];
  /** Its last hour, if the request names units. */
  readonly history?: HistoryReport;
  /** Other changes in the container in the minute around the last failure, if the request names units. */
  readonly around?: readonly PastChangeReport[];
  /** Restarts by Restart=, since it is watched. */
  readonly restarts: number;
  /** null if systemd wasn't queried, or didn't answer in time; absent if the request names no units. */
  readonly details?: UnitDetails | null;
  /** null if no kill for lack of memory is why it failed; absent if the request names no units. */
  readonly oomKill?: OomKillReport | null;
  /** Failures and restarts of the last 15 minutes; null without any. */
  readonly recent: {
    readonly failures: RecentCount | null;
    readonly restarts: RecentCount | null;
  } | null;
}

/**
 * Need for attention. `failing`: it fails, ran out of memory, or is in a restart loop; `warning`:
 * it can't be watched, or failed lately and runs again; `fine`: it runs; `idle`: it ended well, or
 * never began.
 */
export type TroubleLevel = "failing" | "warning" | "fine" | "idle";

export interface TroubleReport {
  readonly level: TroubleLevel;
  /** Problems, in a few words each: for people. */
  readonly reasons: readonly string[];
}

/** The cause of the end of a container's last run. */
export interface ContainerEnd {
  /**
   * `stop`: the engine was requested to stop it; `kill`: to send a signal; `oom`: the kernel killed it
   * for lack of memory; `itself`: it exited or crashed.
   */
  readonly by: "stop" | "kill" | "oom" | "itself";
  /** Newest signal that the engine was requested to send: `SIGTERM`. */
  readonly signal: string | null;
}

/** The newest kill for lack of memory in a container. */
export interface OomReport {
  readonly at: Time;
  /** Units that failed by it. */
  readonly units: readonly string[];
}

/** The systemd of one container, or a user manager in it. */
export interface SystemdReport {
  /** False while it should be watched, and isn't. */
  readonly up: boolean;
  /** How it is watched, or was last. */
  readonly transport: SystemdTransport | null;
  /** When the stream was opened; null while it isn't open. */
  readonly since: Time | null;
  /** Streams opened again after one was lost. */
  readonly reconnects: number;
  /** From the last change, by its own time, to the state that showed it. */
  readonly lagSeconds: number | null;
  readonly version: string | null;
  /** As `systemctl is-system-running` has it. */
  readonly state: SystemState | null;
  /** Units in each ActiveState, filters not applied. */
  readonly units: Readonly<Partial<Record<ActiveState, number>>>;
  /** The user managers that run in it; absent without one, or if they aren't watched. */
  readonly users?: readonly UserManagerReport[];
}

export interface UserManagerReport extends Omit<SystemdReport, "users"> {
  /** User id, decimal. */
  readonly user: string;
}

/** One container, or the host. */
export interface ContainerReport {
  /** "" for the host. */
  readonly name: string;
  /** True for the host itself: a node that is no container, without cluster, image and runtime. */
  readonly isHost: boolean;
  readonly id: string;
  readonly node: string;
  readonly cluster: string;
  readonly image: string;
  readonly runtime: string;
  /**
   * Facts that nothing on the host reports of it, without an engine: what shows them is null, 0 or false.
   * Absent if there are none.
   */
  readonly unknown?: readonly UnknownFact[];
  readonly status: ContainerStatus;
  /** True if its PID 1 is systemd. */
  readonly runsSystemd: boolean;
  /** Null without a health check, and while the container doesn't run. */
  readonly health: HealthStatus | null;
  /** Since when it is so; null if it was so before it was watched. */
  readonly healthSince: Time | null;
  /** Since when it is paused; null as above, and while it isn't. */
  readonly pausedSince: Time | null;
  /** Exit code of the last exit, or of a first start that failed. */
  readonly exitCode: number | null;
  /** Cause of the end of its last run; null if that wasn't observed. */
  readonly end: ContainerEnd | null;
  /** True if its first start failed: it never ran. */
  readonly startFailed: boolean;
  /** True if the kernel killed a process for lack of memory since the last start. */
  readonly oomKilled: boolean;
  /** Newest kill for lack of memory, also before the last start; null without one. */
  readonly lastOom: OomReport | null;
  /** Limit of its memory; null without one. */
  readonly memoryLimitBytes: number | null;
  /** Counts of the last 15 minutes, whether it runs again or not; null for 0. */
  readonly recent: {
    /** Restarts by the restart policy. */
    readonly restarts: RecentCount | null;
    /** Exits that need attention: with another code than a requested end has. */
    readonly failedExits: RecentCount | null;
    readonly oomKills: RecentCount | null;
  };
  /** Level and problems, as the status page shows them. */
  readonly trouble: TroubleReport;
  /** When counting began. */
  readonly countingSince: Time | null;
  /** Restarts by the restart policy, and all starts, since it is watched. */
  readonly restarts: number;
  readonly starts: number;
  readonly startedAt: Time | null;
  readonly finishedAt: Time | null;
  /** When it was removed; its counters stay for the retention. */
  readonly removedAt: Time | null;
  /** Its last hour, with the failures and restarts of its units, if the request names containers. */
  readonly history?: HistoryReport;
  /** null if it has none that is watched. */
  readonly systemd: SystemdReport | null;
  readonly units: readonly UnitReport[];
}

/** The watch of the container engine. */
export interface EngineReport {
  readonly runtime: string;
  readonly up: boolean;
  /** When `up` changed last; null before the first attempt has ended. */
  readonly since: Time | null;
  readonly reconnects: number;
  readonly lagSeconds: number | null;
}

/** Summary of the whole fleet, whatever containers were requested. Removed ones don't count. */
export interface SummaryReport {
  readonly containers: number;
  readonly running: number;
  /** Containers, and the host, whose systemd should be watched, those whose systemd is, and those that are degraded. */
  readonly nodes: number;
  readonly watched: number;
  readonly degraded: number;
  /** Units that are failed, filters not applied. */
  readonly failedUnits: number;
}

/** Records that wait for OTLP export. */
export interface QueueReport {
  readonly records: number;
  readonly bytes: number;
  /** Whether the queue is on disk, so that its records outlive the process. */
  readonly durable: boolean;
}

export interface StatusReport {
  readonly time: Time;
  readonly version: string;
  /** Id of the newest event that the report includes: `/api/v1/events` goes on from it. */
  readonly lastEventId: string;
  readonly engine: EngineReport;
  readonly summary: SummaryReport;
  /** null if OTLP export is disabled, or its queue is unknown. */
  readonly otlpQueue: QueueReport | null;
  readonly containers: readonly ContainerReport[];
}

/** One change. */
export interface EventReport {
  readonly kind: EventKind;
  readonly time: Time | null;
  readonly severity: "INFO" | "WARN" | "ERROR";
  /** "" for the host, and for the watch of the engine, which has no node either. */
  readonly container: string;
  readonly node: string;
  readonly cluster: string;
  /** "" if it isn't about a unit; else as the name of a {@link UnitReport}. */
  readonly unit: string;
  /** User id of the user manager that it is about, or whose unit; absent for the system's. */
  readonly user?: string;
  /** One English sentence. */
  readonly message: string;
  readonly detail: string;
  /** True if it was missed when it happened, and found later. */
  readonly recovered: boolean;
  /** `log.record.uid` of its log record. */
  readonly uid: string;
  /** Attributes of its log record. */
  readonly attributes: Readonly<Record<string, unknown>>;
}
