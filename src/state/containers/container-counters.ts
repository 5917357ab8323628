import { isGoodExit } from "../../domain/exit-code.ts";
import type { Counting } from "../../domain/label-set.ts";
import type { RecentResume } from "../../domain/recent.ts";
import { RecentEvents } from "../units/recent-events.ts";
import type { ContainerOutcome } from "./container-outcome.ts";

/** Counts of a container under one name, over all of its runs. */
export interface ContainerCounters extends Counting {
  starts: number;
  restarts: number;
  oomEvents: number;
  /** Soft reboots of its systemd. */
  softReboots: number;
  /** Exits by exit code; undefined stands for codes that are lost. */
  readonly exits: Map<number | undefined, number>;
  /** Recent events, which a restart policy hides: the container runs again as if nothing had happened. */
  readonly recent: {
    readonly restarts: RecentEvents;
    /** Exits that need attention, those with an unknown code too. */
    readonly failedExits: RecentEvents;
    readonly oomKills: RecentEvents;
  };
}

export function newCounters(sinceNs: bigint): ContainerCounters {
  const recent = {
    restarts: new RecentEvents(),
    failedExits: new RecentEvents(),
    oomKills: new RecentEvents(),
  };
  return {
    sinceNs,
    starts: 0,
    restarts: 0,
    oomEvents: 0,
    softReboots: 0,
    exits: new Map(),
    recent,
  };
}

/** Adds the counts of another container that has taken the name of these counters. */
export function addCounters(counters: ContainerCounters, more: ContainerCounters): void {
  counters.starts += more.starts;
  counters.restarts += more.restarts;
  counters.oomEvents += more.oomEvents;
  counters.softReboots += more.softReboots;
  for (const [exitCode, count] of more.exits) {
    counters.exits.set(exitCode, (counters.exits.get(exitCode) ?? 0) + count);
  }
  counters.recent.restarts.addAll(more.recent.restarts);
  counters.recent.failedExits.addAll(more.recent.failedExits);
  counters.recent.oomKills.addAll(more.recent.oomKills);
}

/** Returns what is recent, for the next process. */
export function storedRecent(
  { recent }: ContainerCounters,
  nowNs: bigint,
): Omit<RecentResume, "units"> {
  return {
    restarts: recent.restarts.stored(nowNs),
    failedExits: recent.failedExits.stored(nowNs),
    oomKills: recent.oomKills.stored(nowNs),
  };
}

/** Adds what was recent in an earlier process; it isn't counted otherwise. */
export function restoreRecent(
  { recent }: ContainerCounters,
  resume: Omit<RecentResume, "units">,
  nowNs: bigint,
): void {
  recent.restarts.restore(resume.restarts, nowNs);
  recent.failedExits.restore(resume.failedExits, nowNs);
  recent.oomKills.restore(resume.oomKills, nowNs);
}

/** Adds what an outcome counts. */
export function countOutcome(
  counters: ContainerCounters,
  outcome: ContainerOutcome,
  context: {
    /** True if the container's PID 1 is systemd. */
    readonly runsSystemd: boolean;
    /** True if no exit code of it is ever known: that needs no attention then. */
    readonly lacksExitCodes: boolean;
    /** The present by our own clock: Unix nanoseconds. */
    readonly nowNs: bigint;
  },
): void {
  const { runsSystemd, lacksExitCodes, nowNs } = context;
  switch (outcome.kind) {
    case "container.start":
      counters.starts += 1;
      break;
    case "container.die": {
      const { exits, recent } = counters;
      const { exitCode, timeNs } = outcome;
      exits.set(exitCode, (exits.get(exitCode) ?? 0) + 1);
      const isGood = exitCode === undefined ? lacksExitCodes : isGoodExit(exitCode, runsSystemd);
      if (!isGood) recent.failedExits.add(timeNs, nowNs);
      break;
    }
    case "container.restart":
      counters.restarts += 1;
      counters.recent.restarts.add(outcome.timeNs, nowNs);
      break;
    case "container.oom":
      counters.oomEvents += outcome.kills ?? 1;
      counters.recent.oomKills.add(outcome.timeNs, nowNs);
      break;
    case "container.create":
    case "container.stop":
    case "container.destroy":
    case "container.pause":
    case "container.unpause":
    case "container.health":
      break;
    default:
      outcome satisfies never;
  }
}
