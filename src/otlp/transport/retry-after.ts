/** The longest that an endpoint is left alone at its word. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Milliseconds to wait by a Retry-After header, which has seconds or a date (RFC 9110, section
 * 10.2.3), at most {@link MAX_RETRY_AFTER_MS}; undefined where it says nothing.
 *
 * @param nowMs Unix time by the endpoint's clock where that is known, as the date is by that too
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1_000);
  // Date.parse reads much that is no date of HTTP, such as "-5".
  const dateMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(dateMs) ? undefined : bounded(dateMs - nowMs);
}

/** The wait that an endpoint asked for; undefined where it asked for none. */
export function bounded(ms: number): number | undefined {
  return ms > 0 ? Math.min(Math.ceil(ms), MAX_RETRY_AFTER_MS) : undefined;
}
