/** A time further ahead of its signal is invalid: it would hide every true one after it. */
const MAX_AHEAD_NS = 86_400_000_000_000n;

/** Returns true if a message received at `nowNs` can have this time. Both in Unix nanoseconds. */
export function isTimeAt(timeNs: bigint, nowNs: bigint): boolean {
  return timeNs <= nowNs + MAX_AHEAD_NS;
}

/**
 * Returns a time of systemd, which is in microseconds, in Unix nanoseconds; `otherwise` if it is
 * missing or impossible.
 *
 * @param timeNs time at which the signal was sent or received
 */
export function timeNsOf(us: bigint | undefined, timeNs: bigint, otherwise: bigint): bigint {
  const ns = us === undefined ? undefined : us * 1_000n;
  return ns === undefined || !isTimeAt(ns, timeNs) ? otherwise : ns;
}
