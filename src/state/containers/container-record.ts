import type {
  ContainerDetails,
  ContainerIdentity,
  ContainerStatus,
  HealthStatus,
} from "../../domain/container.ts";
import { LabelSet } from "../../domain/label-set.ts";
import type { Counting } from "../../domain/label-set.ts";
import type { ContainerResume } from "../../domain/resume.ts";
import type { RunTracker } from "./run-tracker.ts";
import type { FleetEvents } from "../../domain/fleet-events.ts";
import type { SeriesBudget } from "../units/series-budget.ts";
import { SystemdState } from "../units/systemd-state.ts";
import type { UnitAdmission } from "../units/unit-admission.ts";

/** What was counted of a container under one name, over all of its lives. */
export interface ContainerCounters extends Counting {
  starts: number;
  restarts: number;
  oomEvents: number;
  /** Exits by exit code; undefined stands for codes that can't be known. */
  readonly exits: Map<number | undefined, number>;
}

/** Series of a container, those of its systemd as a whole included. */
const CONTAINER_SERIES = 36;

/** One container: what is true of it now, and what was counted. */
export class ContainerRecord {
  identity: ContainerIdentity;
  /** `container`, `node`, `cluster`. */
  labels: LabelSet;
  counters: ContainerCounters;
  readonly lives: RunTracker;
  readonly systemd: SystemdState;

  status: ContainerStatus = "created";
  health: HealthStatus | undefined = undefined;
  /** undefined until it was told while it ran. */
  hasHealthCheck: boolean | undefined = undefined;
  startedAtNs = 0n;
  finishedAtNs = 0n;
  /** undefined until it exited once, and where the code of its last exit can't be known. */
  lastExitCode: number | undefined = undefined;
  /** Policy restarts as inspect last told; it goes back to 0 at a manual start. */
  restartsSeen: number | undefined = undefined;
  /** How an OOM kill became known since the last start: by its event, or by inspect alone. */
  oom: "none" | "event" | "inferred" = "none";
  /** undefined until inspect told it. */
  runsSystemd: boolean | undefined = undefined;
  /** Set when it was removed; its series stay for the retention. */
  destroyedAtNs: bigint | undefined = undefined;
  readonly #series: SeriesBudget;
  #hasSeries: boolean;
  /** True while another container has its name. */
  #isForgotten = false;
  /** Time of the newest fact that the status is from. */
  #statusNs = 0n;

  constructor(
    identity: ContainerIdentity,
    context: {
      readonly events: FleetEvents;
      readonly admission: UnitAdmission;
      /** Of an earlier container with this name, whose series go on. */
      readonly counters: ContainerCounters | undefined;
      readonly lives: RunTracker;
    },
  ) {
    this.#series = context.admission.series;
    this.#hasSeries = this.#series.take(CONTAINER_SERIES);
    this.identity = identity;
    this.counters = context.counters ?? noCounters(this.#series.nowNs());
    this.labels = labelsOf(identity, this.counters);
    this.lives = context.lives;
    this.systemd = new SystemdState(() => this.identity, context.events, {
      admission: context.admission,
      labels: this.labels,
    });
  }

  /** False where there is no room for its series. Its changes are told all the same. */
  get hasSeries(): boolean {
    return this.#hasSeries;
  }

  /** Nothing of it is shown any more: another container has its name, and goes on with its counters. */
  forget(): void {
    this.systemd.units.forgetAll();
    if (this.#hasSeries) this.#series.give(CONTAINER_SERIES);
    this.#hasSeries = false;
    this.#isForgotten = true;
  }

  /** True while its PID 1 runs, paused or not. */
  get alive(): boolean {
    return this.destroyedAtNs === undefined && (this.status === "running" || this.paused);
  }

  get paused(): boolean {
    return this.status === "paused";
  }

  /** It has another name from now on: its series go on under that one. */
  rename(identity: ContainerIdentity): void {
    if (this.#isForgotten) {
      this.#isForgotten = false;
      this.#hasSeries = this.#series.take(CONTAINER_SERIES);
      this.counters = noCounters(this.#series.nowNs());
    }
    this.identity = identity;
    this.labels = labelsOf(identity, this.counters);
    this.systemd.units.relabel(this.labels);
  }

  /** Takes note of the time of something that sets the status; false where a newer one was known. */
  isNews(timeNs: bigint): boolean {
    if (timeNs < this.#statusNs) return false;
    this.#statusNs = timeNs;
    return true;
  }

  /** Takes over what inspect says. What follows from the difference is the fleet's business. */
  adopt(details: ContainerDetails): void {
    this.status = details.status;
    // The engine calls a container unhealthy that has ended, however well it was.
    this.health = this.alive ? details.health : undefined;
    if (this.alive) this.hasHealthCheck = details.health !== undefined;
    this.startedAtNs = details.startedAtNs;
    this.finishedAtNs = details.finishedAtNs;
    if (details.finishedAtNs > 0n && !this.alive) this.lastExitCode = details.exitCode;
    this.runsSystemd = details.runsSystemd;
    this.#statusNs = newest(details.startedAtNs, details.finishedAtNs);
  }

  /** What the next process is to go on from; undefined while too little is known. */
  resume(): ContainerResume | undefined {
    const lives = this.lives.resume;
    if (lives === undefined || this.destroyedAtNs !== undefined) return undefined;
    return {
      identity: this.identity,
      status: this.status,
      health: this.health,
      startedAtNs: this.startedAtNs,
      finishedAtNs: this.finishedAtNs,
      lastExitCode: this.lastExitCode,
      restartsSeen: this.restartsSeen,
      oom: this.oom,
      runsSystemd: this.runsSystemd,
      lives,
      systemd: this.systemd.journalCursor.resume,
    };
  }

  /** Takes over what an earlier process knew. */
  restore(resume: ContainerResume): void {
    this.status = resume.status;
    this.health = resume.health;
    this.startedAtNs = resume.startedAtNs;
    this.finishedAtNs = resume.finishedAtNs;
    this.lastExitCode = resume.lastExitCode;
    this.restartsSeen = resume.restartsSeen;
    this.oom = resume.oom;
    this.runsSystemd = resume.runsSystemd;
    this.systemd.journalCursor.restore(resume.systemd);
    this.#statusNs = newest(resume.startedAtNs, resume.finishedAtNs);
  }
}

function noCounters(sinceNs: bigint): ContainerCounters {
  return { sinceNs, starts: 0, restarts: 0, oomEvents: 0, exits: new Map() };
}

function labelsOf(identity: ContainerIdentity, counting: Counting): LabelSet {
  return new LabelSet(
    [
      ["container", identity.name],
      ["node", identity.node],
      ["cluster", identity.cluster],
    ],
    { containerId: identity.id, counting },
  );
}

function newest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
