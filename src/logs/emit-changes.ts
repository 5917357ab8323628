import type { Logger } from "@opentelemetry/api";
import type { Change } from "../domain/change.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { ContainerEntries, FailedRun } from "../domain/journal.ts";
import { entryRecords, type EntryRecord, journalRecordOf } from "./journal-record.ts";
import { logRecordOf } from "./log-record.ts";
import { isQuiet } from "./severity.ts";

export interface EmitChangesOptions {
  readonly clock: { nowNs(): bigint };
  /** Identifies this process among others; random. */
  readonly instance: string;
  /** Emits also the states that a unit passes through. */
  readonly includesQuiet: boolean;
}

/** Returns a subscriber that emits a log record for each change. */
export function emitChanges(
  logger: Logger,
  { clock, instance, includesQuiet }: EmitChangesOptions,
): (change: Change) => void {
  return (change) => {
    if (isQuiet(change) && !includesQuiet) return;
    logger.emit(logRecordOf(change, { observedNs: clock.nowNs(), instance }));
  };
}

export interface EmitLinesOptions extends Pick<EmitChangesOptions, "clock" | "instance"> {
  /** Returns true if the entries of a container's unit come by themselves: see {@link emitEntries}. */
  readonly isFollowed: (identity: ContainerIdentity, unit: string) => boolean;
}

/** Returns a subscriber that emits a log record for each line of a failure, unless it comes by itself. */
export function emitLines(
  logger: Logger,
  { clock, instance, isFollowed }: EmitLinesOptions,
): (failed: FailedRun) => void {
  return ({ identity, change, run, lines }) => {
    if (change === undefined || isFollowed(identity, run.unit)) return;
    const observedNs = clock.nowNs();
    for (const line of lines) {
      logger.emit(journalRecordOf({ change, run, line }, { observedNs, instance }));
    }
  };
}

/** Returns a subscriber that emits a log record for each entry of a journal that is followed. */
export function emitEntries(
  logger: { emit(record: EntryRecord): void },
  { clock }: Pick<EmitChangesOptions, "clock">,
): (entries: ContainerEntries) => void {
  return ({ identity, lines }) => {
    const recordOf = entryRecords(identity, { observedNs: clock.nowNs() });
    for (const line of lines) logger.emit(recordOf(line));
  };
}
