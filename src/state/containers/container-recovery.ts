import type { ContainerDetails, ContainerSummary } from "../../domain/container.ts";
import { EventKind } from "../../domain/event.ts";
import type { ContainerChanges, ChangeOrigin } from "./container-changes.ts";
import type { MissedLives } from "./run-tracker.ts";
import type { ContainerRecord } from "./container-record.ts";

/** Folds in what inspect says while events may be on their way; `fresh` is false where some came. */
export function foldDetails(
  record: ContainerRecord,
  details: ContainerDetails,
  context: { readonly changes: ContainerChanges; readonly fresh: boolean },
): void {
  const { changes, fresh } = context;
  const restarts = restartsIn(record, details, fresh);
  record.lives.restarted(restarts);
  record.runsSystemd = details.runsSystemd;
  if (fresh) {
    record.lives.settle(details);
    record.lives.begin(details);
    record.adopt(details);
  }
  tellRestarts(record, details, { changes, restarts, recovered: 0 });
  if (fresh) findOom(record, details, (origin) => changes.oom(record, origin));
}

/**
 * Folds in what inspect says while all events that it knows of were applied: what it shows beyond
 * them was missed. That is counted, and told as recovered.
 *
 * @param nowNs time of what the engine gives no time of
 */
export function reconcile(
  record: ContainerRecord,
  details: ContainerDetails,
  context: { readonly changes: ContainerChanges; readonly nowNs: bigint },
): void {
  const { changes, nowNs } = context;
  const { alive: wasAlive, paused: wasPaused, health: healthBefore } = record;
  const isFirst = beganListed(record);
  const wasEnded = record.finishedAtNs > 0n;
  const restarts = restartsIn(record, details, true);
  record.lives.restarted(restarts);
  const missed = record.lives.reconcile(details);
  record.adopt(details);
  if (wasAlive && !record.alive) record.systemd.ended();
  if (missed === undefined) {
    findOom(record, details, (origin) => changes.oom(record, origin));
    return;
  }

  if (missed.starts > 0) record.oom = "none";
  // Of an exit before the present life the engine has the time alone.
  if (missed.exits > 0 && record.alive) record.lastExitCode = undefined;
  findOom(record, details, (origin) => {
    const wasBefore = isFirst && !wasEnded && missed.exits === 0;
    if (!wasBefore) changes.oom(record, { ...origin, recovered: true });
  });
  tellLives(record, details, { changes, missed, nowNs });
  tellRestarts(record, details, { changes, restarts, recovered: missed.exits });

  const now = { timeNs: nowNs, recovered: true };
  const isSameLife = missed.starts === 0 && missed.exits === 0;
  if (isSameLife && wasAlive && record.alive && wasPaused !== record.paused) {
    const kind = record.paused ? EventKind.ContainerPause : EventKind.ContainerUnpause;
    changes.plain(record, kind, now);
  }
  const { health } = record;
  if (isFirst) return;
  if (health !== undefined && health !== "starting" && health !== healthBefore) {
    const detail = `health=${health}`;
    changes.tell(record, { ...now, kind: EventKind.ContainerHealth, detail, health });
  }
}

/**
 * Folds in what the engine's list says of a container that can't be inspected; `exact` is true where
 * all events that the list knows of were applied. It sets right what is shown: what was missed is
 * counted when the container can be inspected again, and its times and codes are known.
 */
export function foldSummary(
  record: ContainerRecord,
  { status }: ContainerSummary,
  context: { readonly changes: ContainerChanges; readonly exact: boolean; readonly nowNs: bigint },
): void {
  const { alive: wasAlive, paused: wasPaused } = record;
  const { changes, exact, nowNs } = context;
  record.status = status;
  if (exact && record.alive && wasAlive && record.paused !== wasPaused) {
    const kind = record.paused ? EventKind.ContainerPause : EventKind.ContainerUnpause;
    changes.plain(record, kind, { timeNs: nowNs, recovered: true });
  }
  if (record.alive === wasAlive) return;
  record.health = undefined;
  if (record.alive) {
    record.startedAtNs = 0n;
    return;
  }
  record.finishedAtNs = 0n;
  record.lastExitCode = undefined;
  record.systemd.ended();
}

/** True where counting began with what the engine's list says, and inspect has told nothing yet. */
function beganListed(record: ContainerRecord): boolean {
  return record.lives.isKnown && record.restartsSeen === undefined;
}

/** Policy restarts since inspect was last asked. What was before it became known isn't counted. */
function restartsIn(record: ContainerRecord, details: ContainerDetails, fresh: boolean): number {
  const { restartCount } = details;
  const isFirst = beganListed(record);
  // How many there can have been is told by the starts, of which this answer may not know all.
  if (isFirst && !fresh) return 0;
  const before = record.restartsSeen ?? restartCount;
  record.restartsSeen = restartCount;
  if (isFirst) return record.lives.restartsSince(details, restartCount);
  // A manual start set it back to 0.
  return restartCount >= before ? restartCount - before : restartCount;
}

/** The first so many `recovered` ones were missed, with the ends that led to them. */
function tellRestarts(
  record: ContainerRecord,
  { restartCount, startedAtNs: timeNs }: ContainerDetails,
  facts: {
    readonly changes: ContainerChanges;
    readonly restarts: number;
    readonly recovered: number;
  },
): void {
  const { changes, restarts, recovered } = facts;
  for (let i = 1; i <= restarts; i += 1) {
    const number = restartCount - restarts + i;
    changes.restarted(record, number, { timeNs, recovered: i <= recovered });
  }
}

/** A container that lives on after a kill inside it has its event, or none is counted. */
function findOom(
  record: ContainerRecord,
  details: ContainerDetails,
  found: (origin: ChangeOrigin) => void,
): void {
  if (!details.oomKilled || record.alive || record.oom !== "none") return;
  record.oom = "inferred";
  found({ timeNs: details.finishedAtNs });
}

/**
 * Tells lives that were missed, in turns of start and end. The engine keeps the times of the newest
 * start and end alone: what was before bears the time of what followed, less a nanosecond each.
 */
function tellLives(
  record: ContainerRecord,
  details: ContainerDetails,
  facts: {
    readonly changes: ContainerChanges;
    readonly missed: MissedLives;
    readonly nowNs: bigint;
  },
): void {
  const { changes, missed, nowNs } = facts;
  const { alive } = record;
  let { starts, exits } = missed;
  const newestNs = alive ? details.startedAtNs : details.finishedAtNs;
  let timeNs = (newestNs === 0n ? nowNs : newestNs) + 1n;
  let startTimeNs: bigint | undefined = details.startedAtNs;
  let exitTimeNs: bigint | undefined = details.finishedAtNs;
  const told: (() => void)[] = [];
  // From the newest back.
  for (let isStart = alive; starts + exits > 0; isStart = !isStart) {
    const known = isStart ? startTimeNs : exitTimeNs;
    timeNs = known !== undefined && known > 0n && known < timeNs ? known : timeNs - 1n;
    const origin = { timeNs, recovered: true };
    if (isStart) {
      startTimeNs = undefined;
      if (starts === 0) continue;
      starts -= 1;
      told.push(() => changes.started(record, origin));
    } else {
      const exitCode = !alive && exitTimeNs !== undefined ? details.exitCode : undefined;
      exitTimeNs = undefined;
      if (exits === 0) continue;
      exits -= 1;
      told.push(() => changes.died(record, exitCode, origin));
    }
  }
  for (const tell of told.reverse()) tell();
}
