/** Log levels, the most verbose first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Formats of a line: `time=… level=info msg=…`, or one JSON object. */
export const LOG_FORMATS = ["logfmt", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/**
 * Values of log fields. They may come from anywhere: the log quotes and cuts them. It writes an
 * Error as its message and those of its causes, and omits a field that is undefined.
 */
export type LogValue = string | number | bigint | boolean | Error | undefined;
export type LogFields = Readonly<Record<string, LogValue>>;

/** One method a level. `message` is a constant phrase; values go into fields. Never throws. */
export interface LogLines {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface Logger extends LogLines {
  /** Returns a log that adds `fields` to every line, before the line's own. */
  child(fields: LogFields): Logger;
  /**
   * Returns a log that writes one line per interval (default a minute) for this key and these bound
   * fields. The next line that is written has in `suppressed` how many weren't.
   */
  limited(key: string, intervalMs?: number): LogLines;
}
