import type { HrTime } from "@opentelemetry/api";

const NS_PER_SECOND = 1_000_000_000n;

/**
 * Returns Unix nanoseconds as OpenTelemetry's exact time, whole seconds and nanoseconds. A time as a
 * plain number would lose digits.
 */
export function hrTime(timeNs: bigint): HrTime {
  return [Number(timeNs / NS_PER_SECOND), Number(timeNs % NS_PER_SECOND)];
}
