const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/**
 * Returns an RFC 3339 time with up to nine decimals as exact Unix nanoseconds; 0n for other text and
 * for times before 1970, such as the engine's zero time `0001-01-01T00:00:00Z`.
 */
export function parseRfc3339Ns(text: string): bigint {
  const match = RFC3339.exec(text);
  if (match === null) return 0n;
  const [, seconds, fraction = "", zone] = match;
  const ms = Date.parse(`${seconds}${zone}`);
  if (!Number.isFinite(ms) || ms <= 0) return 0n;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
