/** The last moment of a Date, in milliseconds. */
const MAX_MS = 8_640_000_000_000_000n;

/**
 * Formats Unix nanoseconds as RFC 3339 in UTC, with nine fractional digits. Returns null for 0n, an
 * unknown time, and for a time beyond all dates: some times come from inside containers.
 */
export function rfc3339(timeNs: bigint): string | null {
  const ms = timeNs / 1_000_000n;
  if (timeNs <= 0n || ms > MAX_MS) return null;
  const rest = String(timeNs % 1_000_000n).padStart(6, "0");
  return `${new Date(Number(ms)).toISOString().slice(0, -1)}${rest}Z`;
}
