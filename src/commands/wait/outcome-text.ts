import { clipped, printable } from "../../platform/data/escape.ts";
import { printedLines } from "../journal-text.ts";
import type { Met, Missing } from "./findings.ts";
import type { UnitDetails } from "./unit-details.ts";
import type { WaitOutcome } from "./waiter.ts";

/** Containers whose conditions are printed; the others are counted. */
const MAX_MET_SHOWN = 4;
/** Lines printed for missing conditions. */
const MAX_MISSING_SHOWN = 100;
const MAX_TEXT_LENGTH = 500;

/**
 * Returns the outcome of a wait as lines that are safe on a terminal.
 *
 * @param by name of the signal that aborted it
 * @param details of the units of conditions that don't hold
 */
export function outcomeText(
  outcome: WaitOutcome,
  by = "a signal",
  details: UnitDetails = new Map(),
): string {
  const after = durationText(outcome.afterMs);
  switch (outcome.kind) {
    case "true":
      return `true after ${after}: ${metText(outcome.met)}\n`;
    case "time":
      return missingText(`not true at the time limit, after ${after}`, outcome.missing, details);
    case "final":
      return missingText(`can't become true any more, after ${after}`, outcome.missing, details);
    case "ended":
      return missingText(
        `ended by ${by} after ${after}, and not true yet`,
        outcome.missing,
        details,
      );
    default:
      return outcome satisfies never;
  }
}

function metText(met: readonly Met[]): string {
  const shown = met
    .slice(0, MAX_MET_SHOWN)
    .map(({ container, texts }) => safe(`${container} ${texts.join(", ")}`));
  const others = met.length - shown.length;
  if (others > 0) shown.push(`the same of ${others} more`);
  return shown.join("; ");
}

function missingText(head: string, missing: readonly Missing[], details: UnitDetails): string {
  // The reasons to end early come first.
  const sorted = missing.toSorted((a, b) => Number(b.isFinal) - Number(a.isFinal));
  const lines = sorted.slice(0, MAX_MISSING_SHOWN).flatMap((condition) => {
    const { container, text } = condition;
    const line = safe(container === "" ? text : `${container}: ${text}`);
    return [line].concat(
      (details.get(condition) ?? []).flatMap(printedLines).map((each) => `  ${each}`),
    );
  });
  const others = missing.length - MAX_MISSING_SHOWN;
  if (others > 0) lines.push(`and ${others} more`);
  return [`unitwatch wait: ${head}:`, ...lines.map((line) => `  ${line}`), ""].join("\n");
}

function safe(text: string): string {
  return printable(clipped(text, MAX_TEXT_LENGTH).replaceAll(/\s+/g, " "));
}

/** `0.3s`, `12.0s`, `2m05s`, `1h00m05s`. */
export function durationText(ms: number): string {
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  const two = (amount: number): string => String(amount).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const rest = `${two(seconds % 60)}s`;
  return hours === 0 ? `${minutes}m${rest}` : `${hours}h${two(minutes % 60)}m${rest}`;
}
