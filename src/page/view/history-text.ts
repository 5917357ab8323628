import type { PastChangeReport, Time } from "../../domain/status.ts";
import { isGoodExit } from "../../domain/exit-code.ts";
import { count } from "./format.ts";

/** Kinds with a mark of their own on a timeline. */
const ENDS: ReadonlySet<string> = new Set(["unit.failed", "container.die", "container.oom"]);
const RESTARTS: ReadonlySet<string> = new Set(["unit.restart", "container.restart"]);

/** Returns true if the change has a mark of its own on a timeline. */
export function isMark({ kind }: PastChangeReport): boolean {
  return ENDS.has(kind) || RESTARTS.has(kind);
}

export function isFailure({ kind, result }: PastChangeReport): boolean {
  return kind === "container.die" ? !isGoodExit(Number(result ?? -1), true) : ENDS.has(kind);
}

/** Returns what happened in words: `3 failures, 2 restarts, 12 other changes`. */
export function summaryOf(changes: readonly PastChangeReport[]): string {
  const sum = (some: (change: PastChangeReport) => boolean): number =>
    changes.filter(some).reduce((all, change) => all + change.count, 0);
  const isDie = ({ kind }: PastChangeReport): boolean => kind === "container.die";
  const isOom = ({ kind }: PastChangeReport): boolean => kind === "container.oom";
  const parts = [
    [sum(({ kind }) => kind === "unit.failed"), "failure"],
    [sum(isDie), "exit"],
    [sum(isOom), "OOM kill"],
    [sum(({ kind }) => RESTARTS.has(kind)), "restart"],
    [sum((change) => !isMark(change)), "other change"],
  ] as const;
  const texts = parts.filter(([number]) => number > 0).map(([number, one]) => count(number, one));
  return texts.length === 0 ? "no change" : texts.join(", ");
}

/** Returns from when on the changes are known, to be appended; "" if that is all of them. */
export function knownText(since: Time | null, startMs: number): string {
  const isWhole = since === null || Date.parse(since) <= startMs + 1_000;
  return isWhole ? "" : `, known since ${since.slice(11, 19)} UTC`;
}
