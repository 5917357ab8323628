import type { EventReport, Time } from "../../domain/status.ts";

/** A change, with those before it that were the same. */
export interface FoldedChange {
  /** The newest. */
  readonly event: EventReport;
  readonly count: number;
  /** When the first happened. */
  readonly firstAt: Time | null;
}

/** Changes further apart have a line each. */
const GAP_MS = 5 * 60_000;
/** Kinds whose states come and go together: a crash loop makes systemd degraded and running in turns. */
const FLAPPING_KINDS: ReadonlySet<string> = new Set(["system.state", "container.health"]);

/** Returns what changes have in common that are shown as one line. */
export function foldKey({ kind, container, unit, message }: EventReport): string {
  const isState = kind.startsWith("unit.") && kind !== "unit.failed";
  const isSame = isState || FLAPPING_KINDS.has(kind);
  return [container, unit, kind, isSame ? "" : message].join("\n");
}

/** Returns true if a change at `time` belongs to the line whose newest change was at `lastAt`. */
export function isContinued(lastAt: Time | null, time: Time | null): boolean {
  if (lastAt === null || time === null) return lastAt === time;
  return Math.abs(Date.parse(time) - Date.parse(lastAt)) <= GAP_MS;
}

/** Folds changes, newest first, into lines, newest first. */
export function foldChanges(events: readonly EventReport[]): FoldedChange[] {
  const lines: FoldedChange[] = [];
  const atByKey = new Map<string, { readonly at: number; oldest: Time | null }>();
  for (const event of events) {
    const key = foldKey(event);
    const known = atByKey.get(key);
    const line = known === undefined ? undefined : lines[known.at];
    if (known !== undefined && line !== undefined && isContinued(known.oldest, event.time)) {
      lines[known.at] = { ...line, count: line.count + 1, firstAt: event.time };
      known.oldest = event.time;
    } else {
      atByKey.set(key, { at: lines.length, oldest: event.time });
      lines.push({ event, count: 1, firstAt: event.time });
    }
  }
  return lines;
}
