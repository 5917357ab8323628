/** Log levels, the most talkative first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How a line is written: `time=… level=info msg=…`, or one JSON object. */
export const LOG_FORMATS = ["logfmt", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/**
 * Values of log fields. They may come from anywhere: the log quotes and cuts them. An Error is
 * written as its message and those of its causes; a field that is undefined is left out.
 */
export type LogValue = string | number | bigint | boolean | Error | undefined;
export type LogFields = Readonly<Record<string, LogValue>>;

/** One method a level. `message` is a constant phrase; what varies goes into fields. Never throws. */
export interface LogLines {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The program's log. */
export interface Logger extends LogLines {
  /** The same log with `fields` on every line, before the line's own. */
  child(fields: LogFields): Logger;
  /**
   * Lets one line pass per interval (a minute by default) for this key and these bound fields;
   * the next one that passes tells in `suppressed` how many didn't.
   */
  limited(key: string, intervalMs?: number): LogLines;
}
