import { clipped, printable } from "../platform/data/escape.ts";

/** Lines printed of one journal entry, and characters of each. */
const MAX_ENTRY_LINES = 20;
const MAX_LINE_CHARS = 500;

/** The parts of a journal entry that are printed. */
export interface PrintedEntry {
  /** Unix milliseconds. */
  readonly timeMs: number;
  readonly identifier: string;
  readonly pid: number | null | undefined;
  readonly message: string;
}

/** Returns `2026-12-01T01:41:24.226Z slurmctld[151]: text`; not escaped, and perhaps of several lines. */
export function entryText({ timeMs, identifier, pid, message }: PrintedEntry): string {
  const time = new Date(timeMs);
  const at = Number.isNaN(time.getTime()) ? "unknown time" : time.toISOString();
  const process = pid === null || pid === undefined ? "" : `[${pid}]`;
  return `${at}${identifier === "" ? "" : ` ${identifier}${process}:`} ${message}`;
}

/** Returns text of a container as lines that are safe on a terminal. */
export function printedLines(text: string): readonly string[] {
  const lines = text.trimEnd().split(/\r?\n/);
  const shown = lines
    .slice(0, MAX_ENTRY_LINES)
    .map((line) => printable(clipped(line, MAX_LINE_CHARS).replaceAll(/\s+/g, " ")));
  const others = lines.length - shown.length;
  return others === 0 ? shown : [...shown, `and ${others} more lines`];
}
