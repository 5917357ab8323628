import type { Time } from "../../domain/status.ts";
import { ageText } from "../../page/view/format.ts";
import { clipped, printable } from "../../platform/data/escape.ts";

const MAX_TEXT_CHARS = 500;
const LABEL_WIDTH = 14;

/** Facts that the texts need beside the report. */
export interface TextContext {
  /** When the report was made: Unix milliseconds. */
  readonly nowMs: number;
  /** True if nothing was counted, and nothing is known from before. */
  readonly isOwn: boolean;
  /** Most lines of a unit's journal. */
  readonly lines: number;
}

/** Returns text of a container as one line that is safe on a terminal. */
export function safe(text: string): string {
  return printable(clipped(text, MAX_TEXT_CHARS).replaceAll(/\s+/g, " "));
}

/** Returns a fact as a line, `  label  value`; nothing for a value that is missing. */
export function fact(label: string, value: string | null | undefined): string[] {
  if (value === null || value === undefined || value === "") return [];
  return [`  ${label.padEnd(LABEL_WIDTH)}${safe(value)}`];
}

/** Returns `3 min ago`, "" if the time is unknown. */
export function ago(time: Time | null | undefined, { nowMs }: TextContext): string {
  return time === null || time === undefined ? "" : `${ageText(time, nowMs)} ago`;
}

/** Returns ` for 3 min`, "" if the time is unknown. */
export function lasting(time: Time | null | undefined, { nowMs }: TextContext): string {
  return time === null || time === undefined ? "" : ` for ${ageText(time, nowMs)}`;
}

/** Returns `2026-11-26 05:27:39 UTC (3 min ago)`; undefined if the time is unknown. */
export function moment(time: Time | null | undefined, context: TextContext): string | undefined {
  if (time === null || time === undefined) return undefined;
  return `${time.slice(0, 19).replace("T", " ")} UTC (${ago(time, context)})`;
}

/** Returns rows as lines whose columns are aligned; the last one may be of any width. */
export function table(rows: readonly (readonly string[])[], indent: string): string[] {
  const widths: number[] = [];
  const cells = rows.map((row) => row.map(safe));
  for (const row of cells) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return cells.map((row) =>
    `${indent}${row.map((cell, at) => cell.padEnd(at === row.length - 1 ? 0 : (widths[at] ?? 0))).join("  ")}`.trimEnd(),
  );
}
