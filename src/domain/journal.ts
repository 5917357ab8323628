import type { Change } from "./change.ts";
import type { ContainerIdentity } from "./container.ts";

/** An entry of a container's journal, bounded, and with secrets replaced. */
export interface JournalLine {
  /** When the journal got it: Unix nanoseconds. */
  readonly timeNs: bigint;
  /** At most {@link MAX_ENTRY_BYTES} in UTF-8; may have line ends and control characters. */
  readonly message: string;
  /** Syslog's levels, 0 (emerg) to 7 (debug); undefined if it has none. */
  readonly priority: number | undefined;
  readonly pid: number | undefined;
  readonly identifier: string;
  /** 32 hex digits; "" if it is missing. */
  readonly invocationId: string;
  /** Position in the journal: unique, and the same for each client. */
  readonly cursor: string;
  /** True for systemd's own line about a failure. */
  readonly isFailure: boolean;
  /** True if the message isn't what was logged: it was cut, wasn't UTF-8, or was withheld. */
  readonly isAltered: boolean;
}

/** A line with the unit that wrote it, or that systemd wrote it about; "" for none. */
export interface UnitLine extends JournalLine {
  readonly unit: string;
}

/** Bound of a message. */
export const MAX_ENTRY_BYTES = 16 * 1024;

/** Most lines of one run. */
export const MAX_LINES = 100;

/** A run of a unit whose lines are requested. */
export interface JournalRun {
  readonly unit: string;
  /** 32 hex digits; "" for the newest run that has lines. */
  readonly invocationId: string;
}

export interface LinesQuery {
  /** At least one. */
  readonly runs: readonly JournalRun[];
  /** Most lines of each run: the last ones. */
  readonly lines: number;
  /** True to leave out lines of which the journal doesn't have the run: it has no room for others. */
  readonly isExact?: boolean;
  /**
   * Time after which the runs have no lines: Unix nanoseconds. Then lines of which the journal doesn't have
   * the run, or an earlier one's, have room too, whatever `isExact` is. undefined: now.
   */
  readonly untilNs?: bigint | undefined;
  /** A time at which the oldest of the runs existed: Unix nanoseconds. */
  readonly atNs: bigint;
  readonly signal: AbortSignal;
}

/** The last lines of a run, the oldest first: its own, and systemd's about it. */
export interface RunLines {
  readonly run: JournalRun;
  readonly lines: readonly JournalLine[];
  /** False if the run may have more of them that lines of the other runs left no room for. */
  readonly isComplete: boolean;
}

/** Reads the last lines of runs from one container's journal. Rejects if the journal is unavailable. */
export type ReadLines = (query: LinesQuery) => Promise<readonly RunLines[]>;

/** Lines of a run that failed. */
export interface FailedRun {
  readonly identity: ContainerIdentity;
  /**
   * The unit's failure; or that systemd is degraded, of a unit that filters hide; undefined for a unit
   * that had failed before unitwatch watched it.
   */
  readonly change: Change | undefined;
  readonly run: JournalRun;
  /** Higher than that of each run that failed before: lines of an earlier one can come later. */
  readonly order: number;
  /** The oldest first; at least one. */
  readonly lines: readonly JournalLine[];
}

/** Where the following of a journal goes on: after the entry of a cursor, or at a time. */
export type JournalPosition =
  | { readonly cursor: string }
  /** Unix nanoseconds. */
  | { readonly sinceNs: bigint };

/** Entries that were read in one go, the oldest first. */
export interface FollowedEntries {
  readonly lines: readonly UnitLine[];
  /** Cursor of the newest. */
  readonly cursor: string;
  /** True if the journal no longer has the entry that was followed from: some may be missing. */
  readonly isAfterGap: boolean;
}

export interface FollowQuery {
  readonly from: JournalPosition;
  /** Gets entries as they come; it may not wait. */
  readonly take: (entries: FollowedEntries) => void;
  readonly signal: AbortSignal;
}

/**
 * Follows one container's journal until `signal` aborts. Rejects if the journal can't be read, or the
 * stream ends.
 */
export type FollowJournal = (query: FollowQuery) => Promise<void>;

/** Entries of a container's journal that pass the filters. */
export interface ContainerEntries {
  readonly identity: ContainerIdentity;
  readonly lines: readonly UnitLine[];
}
