import { HEALTH_STATUSES } from "../../domain/container.ts";
import type { OomKillCounts } from "../../domain/container-usage.ts";
import type { EngineEvent } from "../../domain/engine-event.ts";
import { EventKind } from "../../domain/event.ts";
import type { ContainerOutcome } from "./container-outcome.ts";
import type { ContainerRecord } from "./container-record.ts";

const NO_OUTCOMES: readonly ContainerOutcome[] = [];

const MAX_EXIT_CODE = 255;

/** SIGHUP, SIGUSR1, SIGUSR2, SIGCONT, SIGSTOP, SIGWINCH. */
const SURVIVED_SIGNALS: ReadonlySet<string> = new Set(["1", "10", "12", "18", "19", "28"]);

/**
 * Folds one event of the engine into the facts of its container, and returns what has happened. An
 * event that is older than the status counts, and leaves the status alone.
 */
export function foldEvent(
  record: ContainerRecord,
  event: EngineEvent,
): readonly ContainerOutcome[] {
  const when = { timeNs: event.timeNs, recovered: false };
  switch (event.action) {
    case "create":
      if (record.advance(event.timeNs)) record.status = "created";
      record.restartsSeen ??= 0;
      return [{ kind: EventKind.ContainerCreate, ...when }];
    case "start":
      return started(record, event);
    case "kill":
      if (endsRun(event.attributes.get("signal"))) {
        record.stopRequestedNs = event.timeNs;
        record.conditions.killRequested(event.attributes.get("signal"));
      }
      return NO_OUTCOMES;
    case "stop":
      record.stopRequestedNs = event.timeNs;
      record.conditions.stopRequested(event.timeNs, record.alive ? undefined : record.finishedAtNs);
      return [{ kind: EventKind.ContainerStop, ...when }];
    case "die":
      return died(record, event);
    case "oom": {
      // The engine may report a kill only after inspect or the kernel did: that is the same one.
      const isCounted = record.oom === "inferred" || !record.kills.event(event.timeNs);
      record.oom = "event";
      record.conditions.outOfMemory(event.timeNs);
      return isCounted ? NO_OUTCOMES : [{ kind: EventKind.ContainerOom, ...when }];
    }
    case "pause":
      if (record.advance(event.timeNs)) {
        record.status = "paused";
        record.conditions.pausedSinceNs = event.timeNs;
      }
      return [{ kind: EventKind.ContainerPause, ...when }];
    case "unpause":
      if (record.advance(event.timeNs)) record.status = "running";
      return [{ kind: EventKind.ContainerUnpause, ...when }];
    default:
      return event.action.startsWith("health_status") ? checked(record, event) : NO_OUTCOMES;
  }
}

/**
 * Folds in how many processes the kernel has killed in the container's present run, and returns what has
 * happened that no event has shown.
 */
export function foldKills(
  record: ContainerRecord,
  counts: OomKillCounts,
  timeNs: bigint,
): readonly ContainerOutcome[] {
  const kills = record.kills.counted(counts, timeNs);
  if (kills === 0) return NO_OUTCOMES;
  record.oom = "event";
  record.conditions.outOfMemory(timeNs);
  return [{ kind: EventKind.ContainerOom, timeNs, recovered: false, kills }];
}

function started(record: ContainerRecord, { timeNs }: EngineEvent): readonly ContainerOutcome[] {
  // The code of a start that failed before is no exit's.
  if (record.startFailed) record.lastExitCode = undefined;
  if (!record.runs.started(timeNs)) return NO_OUTCOMES;
  if (record.advance(timeNs)) {
    record.status = "running";
    record.startedAtNs = timeNs;
    record.oom = "none";
    record.kills.began();
    record.conditions.started();
  }
  return [{ kind: EventKind.ContainerStart, timeNs, recovered: false }];
}

function died(record: ContainerRecord, event: EngineEvent): readonly ContainerOutcome[] {
  const { timeNs } = event;
  const exitCode = parseExitCode(event.attributes.get("exitCode"));
  const isCounted = !record.runs.ended(timeNs);
  // The engine reports one container in order, whatever its clock was set to meanwhile.
  if (!isCounted || timeNs >= record.finishedAtNs) {
    // If a snapshot reported the end first, its time is the better one, and it may have no code.
    if (!isCounted) record.finishedAtNs = timeNs;
    record.lastExitCode = exitCode;
    record.conditions.ended(exitCode);
  }
  if (isCounted) return NO_OUTCOMES;
  record.exitTimes.exited(timeNs);
  if (record.advance(timeNs)) {
    record.status = "exited";
    record.health = undefined;
    // The pid can be another process's from now on.
    record.pid = 0;
    record.systemdEnded();
  }
  return [{ kind: EventKind.ContainerDie, timeNs, recovered: false, exitCode }];
}

/** A health check's result changed. */
function checked(record: ContainerRecord, event: EngineEvent): readonly ContainerOutcome[] {
  const word = event.action.slice(event.action.indexOf(":") + 1).trim();
  const health = HEALTH_STATUSES.find((status) => status === word);
  if (health === undefined || health === record.health) return NO_OUTCOMES;
  record.health = health;
  record.conditions.healthSinceNs = event.timeNs;
  record.hasHealthCheck = true;
  return [{ kind: EventKind.ContainerHealth, timeNs: event.timeNs, recovered: false, health }];
}

/** Returns an event's exit code; undefined if it is missing or invalid. */
function parseExitCode(text = ""): number | undefined {
  const code = Number(text);
  const isValid = text !== "" && Number.isInteger(code) && Math.abs(code) <= MAX_EXIT_CODE;
  return isValid ? code : undefined;
}

/** Returns true unless the signal, a number in text, is one that a process usually survives. */
function endsRun(signal = ""): boolean {
  return !SURVIVED_SIGNALS.has(signal);
}
