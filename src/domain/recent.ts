/** Span before the present in which something counts as recent. It is a problem then, and no longer. */
export const RECENT_MS = 15 * 60_000;

/** How often something happened in the last {@link RECENT_MS}, and when. Times are Unix nanoseconds. */
export interface Recent {
  readonly count: number;
  readonly firstNs: bigint;
  readonly lastNs: bigint;
}
