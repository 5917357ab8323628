/*
 * platform/ has small parts that know nothing of unitwatch: log/, process/, time/ and data/. It may
 * import domain alone, for the ports that it implements (Clock, Logger, Executor).
 */
import type { Clock } from "../../domain/clock.ts";
import { LOG_LEVELS } from "../../domain/log.ts";
import type { LogFields, LogFormat, Logger, LogLevel, LogLines } from "../../domain/log.ts";
import { formatLine } from "./log-line.ts";
import { RateGate } from "./rate-gate.ts";

export interface LogOptions {
  /** Lowest level that is written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs">;
  /** Writes a whole line, its end included; returns false if it drops it. See `stderrSink`. */
  readonly write: (line: string) => boolean;
}

const DEFAULT_INTERVAL_MS = 60_000;

/**
 * Returns a log that writes one line a call. It counts the lines that `write` drops, and reports
 * them in the field `lines_lost` of the next line that is written.
 */
export function createLogger({ level, format, clock, write }: LogOptions): Logger {
  const lowest = LOG_LEVELS.indexOf(level);
  const gate = new RateGate(clock);
  let lost = 0;

  function isWritten(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= lowest;
  }

  function log(level: LogLevel, message: string, fields: LogFields): void {
    const all = lost > 0 ? { ...fields, lines_lost: lost } : fields;
    const line = formatLine(format, { timeMs: clock.nowMs(), level, message }, all);
    if (write(`${line}\n`)) lost = 0;
    else lost++;
  }

  function lines(emit: (level: LogLevel, message: string, fields?: LogFields) => void): LogLines {
    return {
      debug: (message, fields) => emit("debug", message, fields),
      info: (message, fields) => emit("info", message, fields),
      warn: (message, fields) => emit("warn", message, fields),
      error: (message, fields) => emit("error", message, fields),
    };
  }

  function bound(boundFields: LogFields): Logger {
    const scope = formatLine("json", { timeMs: 0, level: "info", message: "" }, boundFields);
    return {
      ...lines((level, message, fields) => {
        if (isWritten(level)) log(level, message, { ...boundFields, ...fields });
      }),
      child: (fields) => bound({ ...boundFields, ...fields }),
      limited: (key, intervalMs = DEFAULT_INTERVAL_MS) =>
        lines((level, message, fields) => {
          if (!isWritten(level)) return;
          const suppressed = gate.pass(`${scope}${key}`, intervalMs);
          if (suppressed === undefined) return;
          const count = suppressed > 0 ? { suppressed } : {};
          log(level, message, { ...boundFields, ...fields, ...count });
        }),
    };
  }

  return bound({});
}
