/** `1700000000.123456789`, as engines take `since` and `until`, by API and by command. */
export function unixSeconds(timeNs: bigint): string {
  const fraction = String(timeNs % 1_000_000_000n).padStart(9, "0");
  return `${timeNs / 1_000_000_000n}.${fraction}`;
}

/** Those of the engine filters that hold for events too: the others are for listings alone. */
export function eventFilters(filters: readonly string[]): readonly string[] {
  return filters.filter((filter) => filter.startsWith("label="));
}

/** `{"label":["a=b"]}`, as the API takes filters. */
export function filtersOf(filters: readonly string[]): Record<string, string[]> {
  const byKey: Record<string, string[]> = {};
  for (const filter of filters) {
    const at = filter.indexOf("=");
    (byKey[filter.slice(0, at)] ??= []).push(filter.slice(at + 1));
  }
  return byKey;
}
