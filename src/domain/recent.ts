/** Span before the present in which something counts as recent. It is a problem then, and no longer. */
export const RECENT_MS = 15 * 60_000;

/** Numbers of a group. */
export const RECENT_STRIDE = 3;

/**
 * Recent events in groups, for the next process: milliseconds of a group's first and last event, and
 * how many it has, in turn, from old to new.
 */
export type RecentGroups = readonly number[];

/** Returns when each group ended: Unix milliseconds. */
export function endsOf(groups: RecentGroups): number[] {
  return groups.filter((_, at) => at % RECENT_STRIDE === 1);
}

/** Recent events of a container and of its units. */
export interface RecentResume {
  readonly restarts: RecentGroups;
  readonly failedExits: RecentGroups;
  readonly oomKills: RecentGroups;
  readonly units: readonly UnitRecentResume[];
}

export interface UnitRecentResume {
  readonly unit: string;
  readonly failures: RecentGroups;
  readonly restarts: RecentGroups;
}

/** How often something happened in the last {@link RECENT_MS}, and when. Times are Unix nanoseconds. */
export interface Recent {
  readonly count: number;
  readonly firstNs: bigint;
  readonly lastNs: bigint;
}

/** Span of the history of a unit and of a node: an hour. */
export const HISTORY_NS = 3_600_000_000_000n;
