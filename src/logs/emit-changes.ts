import type { Logger } from "@opentelemetry/api";
import type { Change } from "../domain/change.ts";
import type { FailedRun } from "../domain/journal.ts";
import { journalRecordOf } from "./journal-record.ts";
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

/** Returns a subscriber that emits a log record for each line of a failure. */
export function emitLines(
  logger: Logger,
  { clock, instance }: Pick<EmitChangesOptions, "clock" | "instance">,
): (failed: FailedRun) => void {
  return ({ change, run, lines }) => {
    if (change === undefined) return;
    const observedNs = clock.nowNs();
    for (const line of lines) {
      logger.emit(journalRecordOf({ change, run, line }, { observedNs, instance }));
    }
  };
}
