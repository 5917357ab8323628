/** Longest wait that an endpoint can request. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Returns the milliseconds to wait by a Retry-After header, in seconds or as a date (RFC 9110, section
 * 10.2.3), at most {@link MAX_RETRY_AFTER_MS}; undefined if it has neither.
 *
 * @param nowMs Unix time, if possible by the endpoint's clock, which the date is by
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1_000);
  // Date.parse also accepts text that isn't an HTTP date, such as "-5".
  const dateMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(dateMs) ? undefined : bounded(dateMs - nowMs);
}

/** Returns the wait that an endpoint requested, bounded; undefined if it requested none. */
export function bounded(ms: number): number | undefined {
  return ms > 0 ? Math.min(Math.ceil(ms), MAX_RETRY_AFTER_MS) : undefined;
}
