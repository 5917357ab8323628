/** Returns `1700000000.123456789`, the form of `since` and `until` in API and command. */
export function unixSeconds(timeNs: bigint): string {
  const fraction = String(timeNs % 1_000_000_000n).padStart(9, "0");
  return `${timeNs / 1_000_000_000n}.${fraction}`;
}

/** Returns the engine filters that events support; the others are for listings alone. */
export function eventFilters(filters: readonly string[]): readonly string[] {
  return filters.filter((filter) => filter.startsWith("label="));
}

/** Returns filters in the form of the API: `{"label":["a=b"]}`. */
export function filtersOf(filters: readonly string[]): Record<string, string[]> {
  const byKey: Record<string, string[]> = {};
  for (const filter of filters) {
    const at = filter.indexOf("=");
    (byKey[filter.slice(0, at)] ??= []).push(filter.slice(at + 1));
  }
  return byKey;
}
