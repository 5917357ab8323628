/** Last moment that a date can have, in milliseconds. */
const MAX_MS = 8_640_000_000_000_000n;

/**
 * Unix nanoseconds as RFC 3339 in UTC, with nine fractional digits. Null for 0n, which stands for a
 * time that isn't known, and for what lies beyond all dates: containers tell times, too.
 */
export function rfc3339(timeNs: bigint): string | null {
  const ms = timeNs / 1_000_000n;
  if (timeNs <= 0n || ms > MAX_MS) return null;
  const rest = String(timeNs % 1_000_000n).padStart(6, "0");
  return `${new Date(Number(ms)).toISOString().slice(0, -1)}${rest}Z`;
}
