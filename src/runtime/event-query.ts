/** `1700000000.123456789`, as engines take `since` and `until`, by API and by command. */
export function unixSeconds(timeNs: bigint): string {
  const fraction = String(timeNs % 1_000_000_000n).padStart(9, "0");
  return `${timeNs / 1_000_000_000n}.${fraction}`;
}

/** Those of the engine filters that hold for events too: the others are for listings alone. */
export function eventFilters(filters: readonly string[]): readonly string[] {
  return filters.filter((filter) => filter.startsWith("label="));
}
