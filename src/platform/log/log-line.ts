import { inspect } from "node:util";
import type { LogFields, LogFormat, LogLevel, LogValue } from "../../domain/log.ts";
import { clipped, quoted } from "../data/escape.ts";

/** Longest value, in UTF-16 units before escaping; the rest is cut. */
export const MAX_VALUE_LENGTH = 2048;
/** Causes of an error that are followed, and errors of an aggregate that are shown. */
const MAX_CAUSES = 5;
const MAX_AGGREGATED = 3;
/** Values that logfmt has without quotes: printable ASCII but for the space, quotes, = and backslash. */
const BARE = /^(?:(?!["'=\\])[!-~])+$/;

/** Start of every line. */
export interface LineHead {
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly message: string;
}

/** Returns one line, without its end: time (RFC 3339, UTC), level, msg, then the fields in their order. */
export function formatLine(format: LogFormat, head: LineHead, fields: LogFields): string {
  const time = new Date(head.timeMs).toISOString();
  const entries: [string, string][] = [
    ["time", format === "json" ? quoted(time) : time],
    ["level", format === "json" ? quoted(head.level) : head.level],
    ["msg", formatValue(format, head.message)],
  ];
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) entries.push([fieldName(key), formatValue(format, value)]);
  }
  return format === "json"
    ? `{${entries.map(([key, value]) => `"${key}":${value}`).join(",")}}`
    : entries.map(([key, value]) => `${key}=${value}`).join(" ");
}

/** Returns the messages of an error and its causes, outermost first: `can't connect: connect ECONNREFUSED`. */
export function errorText(error: unknown): string {
  const parts: string[] = [];
  for (let at = error, depth = 0; at !== undefined && depth < MAX_CAUSES; depth++) {
    const text = ownText(at);
    // Many messages repeat their cause's.
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    at = Error.isError(at) ? at.cause : undefined;
  }
  return clipped(parts.join(": "), MAX_VALUE_LENGTH);
}

function ownText(error: unknown): string {
  if (!Error.isError(error)) {
    const text = typeof error === "string" ? error : inspect(error, { depth: 0 });
    return clipped(text, MAX_VALUE_LENGTH);
  }
  if (error.message !== "") return clipped(error.message, MAX_VALUE_LENGTH);
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  if (Array.isArray(errors) && errors.length > 0) {
    return errors.slice(0, MAX_AGGREGATED).map(ownText).join(", ");
  }
  return typeof code === "string" ? code : error.name;
}

function formatValue(format: LogFormat, value: Exclude<LogValue, undefined>): string {
  if (typeof value === "boolean") return String(value);
  // JSON parsers read numbers as doubles, so a bigint is text there; and JSON has no NaN.
  if (typeof value === "number" && (format === "logfmt" || Number.isFinite(value))) {
    return String(value);
  }
  const text = Error.isError(value) ? errorText(value) : clipped(String(value), MAX_VALUE_LENGTH);
  return format === "logfmt" && BARE.test(text) ? text : quoted(text);
}

function fieldName(key: string): string {
  const name = key.replaceAll(/[^\w.-]/g, "_");
  return name === "time" || name === "level" || name === "msg" ? `${name}_` : name;
}
