import { clipped, printable } from "../../platform/data/escape.ts";
import type { EventReport } from "../../domain/status.ts";

/** Longer names don't widen the column of the others. */
const MAX_COLUMN = 40;
const KIND_WIDTH = "unit.deactivating".length;
const MAX_TEXT_LENGTH = 1_000;

const COLOURS = { ERROR: "\u001B[31m", WARN: "\u001B[33m", INFO: "" } as const;
const DIM = "\u001B[2m";
const RESET = "\u001B[0m";

/** Makes a line of a change. `aliases` are other names of its unit that were requested. */
export type LineOf = (report: EventReport, aliases?: readonly string[]) => string;

/** Returns the change as one line of JSON, safe on a terminal. */
export const jsonLine: LineOf = (report, aliases = []) => {
  const shown = aliases.length === 0 ? report : { ...report, aliases };
  return `${printable(JSON.stringify(shown))}\n`;
};

/** Returns a formatter of human-readable lines: time, container, kind, unit and details, `-` if absent. */
export function humanLines(options: { readonly colour: boolean }): LineOf {
  let width = 0;
  const paint = (code: string, text: string): string =>
    options.colour && code !== "" ? `${code}${text}${RESET}` : text;
  return (report, aliases = []) => {
    const { container, kind, unit, severity } = report;
    const name = column(container);
    width = Math.max(width, Math.min(name.length, MAX_COLUMN));
    // Truncated to milliseconds.
    const time = report.time?.replace(/(\.\d{3})\d*Z$/, "$1Z") ?? "-";
    const cells = [
      paint(DIM, time),
      name.padEnd(width),
      paint(COLOURS[severity], kind.padEnd(KIND_WIDTH)),
      column(aliases.length === 0 ? unit : `${unit} (${aliases.join(", ")})`),
      printable(clipped(detailOf(report), MAX_TEXT_LENGTH).replaceAll(/\s+/g, " ")),
    ];
    return `${cells.join("  ").trimEnd()}\n`;
  };
}

function column(text: string): string {
  return text === "" ? "-" : printable(clipped(text, MAX_TEXT_LENGTH));
}

/** Returns the details in the terms of the engine and systemd. */
function detailOf({ detail, attributes, recovered, unit }: EventReport): string {
  const words = detail === "" ? [] : [detail];
  const add = (name: string, attribute: string): void => {
    const value = attributes[attribute];
    const isScalar = typeof value === "string" || typeof value === "number";
    if (isScalar && unit !== "") words.push(`${name}=${value}`);
  };
  add("SubState", "systemd.unit.sub_state");
  add("Result", "systemd.service.result");
  add("ExitStatus", "process.exit.code");
  if (recovered) words.push("(found later)");
  return words.join(" ");
}
