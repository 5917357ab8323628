import type { ExportedEntry } from "./exported-entry.ts";

/** Parts of an entry that decide its place in the order. */
export type EntryPosition = Pick<ExportedEntry, "cursor" | "timeNs">;

/**
 * Compares entries in the order in which they were written, the oldest first: numbers rise within one
 * journal, also when the clock is set back; else the times decide. journalctl has the same order.
 */
export function byWriting(one: EntryPosition, other: EntryPosition): number {
  const [a, b] = [numberOf(one.cursor), numberOf(other.cursor)];
  if (a !== undefined && b !== undefined && a.journal === b.journal) return a.number - b.number;
  if (one.timeNs === other.timeNs) return 0;
  return one.timeNs < other.timeNs ? -1 : 1;
}

/** Returns the number of an entry within its journal, where numbers rise by one. */
export function numberOf(
  cursor: string,
): { readonly journal: string; readonly number: number } | undefined {
  const [, journal, number] = /^s=([0-9a-f]+);i=([0-9a-f]{1,13});/.exec(cursor) ?? [];
  if (journal === undefined || number === undefined) return undefined;
  return { journal, number: Number.parseInt(number, 16) };
}
