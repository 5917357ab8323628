/*
 * state/containers: the facts of each container, and what is counted of it.
 *
 * An input of the engine goes through one fold: fold-event.ts for events, fold-snapshot.ts for
 * inspections and the engine's list. A fold changes the facts of one ContainerRecord and returns
 * what has happened; ContainerChanges adds that to the counters (container-counters.ts, the one
 * place that counts) and emits a change for each. A fold emits nothing and reads no clock.
 *
 *   input                          counts
 *   -----------------------------  -----------------------------------------------------------------
 *   event start, die, oom          1 start, exit, OOM kill, unless a snapshot reported it first
 *   the kernel's count of kills    those that no event has shown (kill-tracker.ts), while it is followed
 *   inspect, events may be late    policy restarts: the difference of RestartCount, each with the
 *                                  time of the exit that led to it (exit-times.ts)
 *   inspect, all events applied    policy restarts, and the starts and exits that RunTracker finds
 *                                  missing: recovered
 *   inspect, OOMKilled after exit  1 OOM kill, unless its event came, or the exit was requested or good
 *   inspect, OOMKilled in a run    1 OOM kill, recovered, once all events are applied
 *   the engine's list              nothing: it corrects what is shown
 *   list without the container     the exit of an open run, recovered, and the removal
 *
 * Always true: each start, exit and restart counts once, whichever input reports it first. An event
 * that is older than the status counts, and leaves the status alone. Counters and last exit belong to
 * the name: a new container of the same name continues them, and a container that is renamed takes its
 * counters along, and adds them to those of a removed container with its new name. A new container
 * that is created under the name which another has just left takes the counters of that name over.
 *
 * May import: domain/, state/units/.
 */
import type {
  ContainerDetails,
  ContainerIdentity,
  ContainerStatus,
  HealthStatus,
} from "../../domain/container.ts";
import { type ContainerUsage, USAGE_SERIES } from "../../domain/container-usage.ts";
import { LabelSet } from "../../domain/label-set.ts";
import type { Counting } from "../../domain/label-set.ts";
import { seriesOfSystemd } from "../../domain/readings.ts";
import type { JournalPosition } from "../../domain/journal.ts";
import type { RecentResume } from "../../domain/recent.ts";
import type { ContainerResume } from "../../domain/resume.ts";
import type { FleetEvents } from "../../domain/fleet-events.ts";
import { type ExtraSeries, fitExtras } from "../units/extra-series.ts";
import type { SeriesBudget } from "../units/series-budget.ts";
import { SystemdState } from "../units/systemd-state.ts";
import type { UnitAdmission } from "../units/unit-admission.ts";
import type { UnitRecord } from "../units/unit-record.ts";
import { UnitRoom } from "../units/unit-table.ts";
import { ContainerConditions } from "./container-conditions.ts";
import { addCounters, newCounters, restoreRecent, storedRecent } from "./container-counters.ts";
import type { ContainerCounters } from "./container-counters.ts";
import { ExitTimes } from "./exit-times.ts";
import { KillTracker } from "./kill-tracker.ts";
import type { RunTracker } from "./run-tracker.ts";
import type { ManagerRecord } from "./user-manager.ts";
import { UserManagers } from "./user-managers.ts";

/** The end of a container's last run. */
export interface LastExit {
  /** undefined if it is lost. */
  readonly exitCode: number | undefined;
  /** Unix nanoseconds; 0n if unknown. */
  readonly timeNs: bigint;
}

/** Usage of a container, with the run in which its counters count. */
export interface ShownUsage extends ContainerUsage {
  readonly counting: Counting;
}

/** A name that a container had until it was renamed. */
export interface FormerName {
  readonly identity: ContainerIdentity;
  /** Those that it took along. */
  readonly counters: ContainerCounters;
  /** When it was renamed: Unix nanoseconds. */
  readonly untilNs: bigint;
}

/** Series of a container, with those of its systemd as a whole, and one exit code. */
const CONTAINER_SERIES = 37;

/** One container: its present facts and its counters. The folds of this folder change them. */
export class ContainerRecord implements ManagerRecord {
  identity: ContainerIdentity;
  /** `container`, `node`, `cluster`; `node` alone for the host. */
  labels: LabelSet;
  counters: ContainerCounters;
  readonly runs: RunTracker;
  readonly exitTimes = new ExitTimes();
  readonly conditions = new ContainerConditions();
  readonly kills = new KillTracker();
  readonly systemd: SystemdState;
  /** The user managers in it, if they are watched. */
  readonly users: UserManagers;

  status: ContainerStatus = "created";
  health: HealthStatus | undefined = undefined;
  /** undefined until it is known; only a running container has one. */
  hasHealthCheck: boolean | undefined = undefined;
  startedAtNs = 0n;
  finishedAtNs = 0n;
  /** Last exit of an earlier container with this name, for as long as this one has none. */
  earlierExit: LastExit | undefined = undefined;
  /** PID 1 on the engine's host, as of the last inspection; 0 if it didn't run, or has ended since. */
  pid = 0;
  /** As in its newest details; undefined if the engine reports none. */
  process: string | undefined = undefined;
  /** undefined before the first exit or failed start, and if the code of the last one is lost. */
  lastExitCode: number | undefined = undefined;
  /** RestartCount of the last inspection; a manual start sets it back to 0. */
  restartsSeen: number | undefined = undefined;
  /** How an OOM kill became known since the last start: by its event, or by inspect alone. */
  oom: "none" | "event" | "inferred" = "none";
  /** Newest request to stop or kill it that the engine reported: Unix nanoseconds. */
  stopRequestedNs = 0n;
  /** undefined before the first inspection. */
  runsSystemd: boolean | undefined = undefined;
  /** The name before, for the retention. */
  formerName: FormerName | undefined = undefined;
  /** Where its journal is followed from; undefined if it isn't. */
  journalPosition: JournalPosition | undefined = undefined;
  /** Usage as of the last query; undefined if that isn't known, or it doesn't run. */
  usage: ShownUsage | undefined = undefined;
  /** False while its journal should be followed, and can't be; undefined if it isn't to be. */
  journalUp: boolean | undefined = undefined;
  /** When it was removed: Unix nanoseconds; its series stay for the retention. */
  destroyedAtNs: bigint | undefined = undefined;
  readonly #series: SeriesBudget;
  #hasSeries: boolean;
  #extras: ExtraSeries | undefined = undefined;
  /** True while another container has its name. */
  #isForgotten = false;
  /** Time of the newest fact that set the status. */
  #statusNs = 0n;

  constructor(
    identity: ContainerIdentity,
    context: {
      readonly events: FleetEvents;
      readonly admission: UnitAdmission;
      /** Counters of an earlier container with this name, whose series continue. */
      readonly counters: ContainerCounters | undefined;
      readonly runs: RunTracker;
    },
  ) {
    this.#series = context.admission.series;
    this.#hasSeries = this.#series.take(this.#ownSeries);
    this.identity = identity;
    this.counters = context.counters ?? newCounters(this.#series.nowNs());
    this.labels = labelsOf(identity, this.counters);
    this.runs = context.runs;
    const { events, admission } = context;
    const room = new UnitRoom();
    this.users = new UserManagers(this, { events, admission, room });
    this.systemd = new SystemdState(() => this.identity, events, {
      admission,
      room,
      labels: this.labels,
      softRebooted: () => {
        this.counters.softReboots += 1;
      },
    });
    this.fitSeries();
  }

  get #ownSeries(): number {
    const { groups, hasUsage } = this.#series;
    return CONTAINER_SERIES + (hasUsage ? USAGE_SERIES : 0) + seriesOfSystemd(groups);
  }

  /** False if its series were refused. Its changes are emitted all the same. */
  get hasSeries(): boolean {
    return this.#hasSeries;
  }

  /** Takes room for the series of its counters, and releases that of those that have ended. */
  fitSeries(): void {
    const codes = this.#hasSeries ? [...this.counters.exits.keys()].slice(1) : [];
    this.#extras = fitExtras(codes.map(String), this.#extras, this.#series);
  }

  /** Exits of which there is a series, by exit code. */
  get shownExits(): readonly (readonly [exitCode: number | undefined, count: number])[] {
    return [...this.counters.exits].filter(
      ([exitCode], at) => at === 0 || this.#extras?.get(String(exitCode)) === true,
    );
  }

  /** Releases its series: another container has its name, and continues its counters. */
  forget(): void {
    this.systemd.units.forgetAll();
    this.users.forgetAll();
    if (this.#hasSeries) this.#series.give(this.#ownSeries);
    this.#hasSeries = false;
    this.#isForgotten = true;
    this.fitSeries();
  }

  /** The units of its systemd, then those of its user managers. */
  *units(): Generator<UnitRecord, void, void> {
    yield* this.systemd.units.values();
    for (const { systemd } of this.users.values()) yield* systemd.units.values();
  }

  /** Its systemd isn't running any more, and none of its users' is. */
  systemdEnded(): void {
    this.systemd.ended();
    this.users.ended();
  }

  /** True while its PID 1 runs, paused or not. */
  get alive(): boolean {
    return this.destroyedAtNs === undefined && (this.status === "running" || this.paused);
  }

  get paused(): boolean {
    return this.status === "paused";
  }

  /** True if its first start failed: it then has an exit code, and never ran. */
  get startFailed(): boolean {
    return this.status === "created" && (this.lastExitCode ?? 0) !== 0;
  }

  /** The last exit of a container with this name; undefined before the first. */
  get lastExit(): LastExit | undefined {
    const { finishedAtNs: timeNs, lastExitCode: exitCode } = this;
    return timeNs > 0n || exitCode !== undefined ? { exitCode, timeNs } : this.earlierExit;
  }

  /**
   * Renames it: its series continue under the new name.
   *
   * @param earlier removed container that had the new name: its counters continue too
   */
  rename(identity: ContainerIdentity, earlier?: ContainerRecord): void {
    if (this.#isForgotten) {
      this.#isForgotten = false;
      this.#hasSeries = this.#series.take(this.#ownSeries);
      this.counters = newCounters(this.#series.nowNs());
    }
    this.identity = identity;
    const own = this.counters;
    if (earlier !== undefined) {
      this.counters = earlier.counters;
      addCounters(this.counters, own);
      this.earlierExit = earlier.lastExit;
      this.systemd.reconnects += earlier.systemd.reconnects;
    }
    this.labels = labelsOf(identity, this.counters);
    this.systemd.units.relabel(this.labels);
    this.users.renamed();
    this.fitSeries();
    if (earlier === undefined) return;
    this.systemd.units.inherit(earlier.systemd.units.counted());
    this.users.inherit(earlier.users.counted());
  }

  /** Begins counters of its own: another container continues those that it had. */
  renewCounters(): void {
    this.counters = newCounters(this.#series.nowNs());
    this.labels = labelsOf(this.identity, this.counters);
    this.systemd.reconnects = 0;
    this.systemd.units.renewCounters(this.labels);
    this.users.renewCounters();
    this.fitSeries();
  }

  /** Advances to the time of a fact that sets the status; returns false if a newer one is known. */
  advance(timeNs: bigint): boolean {
    if (timeNs < this.#statusNs) return false;
    this.#statusNs = timeNs;
    return true;
  }

  /** Adopts an inspection. The folds compare it with the earlier facts. */
  adopt(details: ContainerDetails): void {
    const { health: healthBefore, paused: wasPaused, conditions } = this;
    this.status = details.status;
    // The engine reports a container that has ended as unhealthy, whatever its last check said.
    this.health = this.alive ? details.health : undefined;
    if (this.health !== healthBefore) conditions.healthSinceNs = 0n;
    if (this.paused !== wasPaused) conditions.pausedSinceNs = 0n;
    conditions.memoryLimitBytes = details.memoryLimitBytes ?? 0;
    if (this.alive) this.hasHealthCheck = details.health !== undefined;
    this.startedAtNs = details.startedAtNs;
    this.finishedAtNs = details.finishedAtNs;
    const isFailedStart = details.status === "created" && (details.exitCode ?? 0) !== 0;
    const hasExited = details.finishedAtNs > 0n || isFailedStart;
    if (hasExited && !this.alive) this.lastExitCode = details.exitCode;
    this.pid = details.pid;
    if (this.alive) this.process = details.process;
    this.runsSystemd = details.runsSystemd;
    this.#statusNs = newest(details.startedAtNs, details.finishedAtNs);
  }

  /** Returns the state for the next process; undefined if it is removed, or its runs are unknown. */
  resume(): ContainerResume | undefined {
    const lives = this.runs.resume;
    if (lives === undefined || this.destroyedAtNs !== undefined) return undefined;
    return {
      identity: this.identity,
      status: this.status,
      health: this.health,
      startedAtNs: this.startedAtNs,
      finishedAtNs: this.finishedAtNs,
      lastExitCode: this.lastExitCode,
      earlierExit: this.earlierExit && {
        exitCode: this.earlierExit.exitCode,
        finishedAtNs: this.earlierExit.timeNs,
      },
      restartsSeen: this.restartsSeen,
      oom: this.oom,
      runsSystemd: this.runsSystemd,
      ...(this.process === undefined ? {} : { process: this.process }),
      lives,
      systemd: this.systemd.journalCursor.resume,
      ...(this.journalPosition === undefined ? {} : { journal: this.journalPosition }),
      recent: this.#recentResume(),
      ...(this.users.size === 0 ? {} : { users: this.users.resume() }),
    };
  }

  #recentResume(): RecentResume | undefined {
    const recent = {
      ...storedRecent(this.counters, this.#series.nowNs()),
      units: this.systemd.units.recent.stored(),
    };
    return Object.values(recent).some((each) => each.length > 0) ? recent : undefined;
  }

  /** Restores the state that an earlier process stored. */
  restore(resume: ContainerResume): void {
    this.status = resume.status;
    this.health = resume.health;
    this.startedAtNs = resume.startedAtNs;
    this.finishedAtNs = resume.finishedAtNs;
    this.lastExitCode = resume.lastExitCode;
    this.earlierExit = resume.earlierExit && {
      exitCode: resume.earlierExit.exitCode,
      timeNs: resume.earlierExit.finishedAtNs,
    };
    this.restartsSeen = resume.restartsSeen;
    this.oom = resume.oom;
    this.runsSystemd = resume.runsSystemd;
    this.process = resume.process;
    this.systemd.journalCursor.restore(resume.systemd);
    this.journalPosition = resume.journal;
    if (resume.recent !== undefined) {
      restoreRecent(this.counters, resume.recent, this.#series.nowNs());
      this.systemd.units.recent.restore(resume.recent.units);
    }
    this.users.restore(resume.users ?? []);
    this.#statusNs = newest(resume.startedAtNs, resume.finishedAtNs);
  }
}

function labelsOf(identity: ContainerIdentity, counting: Counting): LabelSet {
  const node = ["node", identity.node] as const;
  const pairs =
    identity.isHost === true
      ? [node]
      : ([["container", identity.name], node, ["cluster", identity.cluster]] as const);
  const containerId = identity.isHost === true ? undefined : identity.id;
  return new LabelSet(pairs, { containerId, counting });
}

function newest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
