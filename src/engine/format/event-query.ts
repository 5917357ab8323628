/** Returns `1700000000.123456789`, the form of `since` and `until` in API and command. */
export function unixSeconds(timeNs: bigint): string {
  const fraction = String(timeNs % 1_000_000_000n).padStart(9, "0");
  return `${timeNs / 1_000_000_000n}.${fraction}`;
}

/** Returns the engine filters that events support; the others are for listings alone. */
export function eventFilters(filters: readonly string[]): readonly string[] {
  return filters.filter((filter) => filter.startsWith("label="));
}

/** Returns filters as the API takes them, JSON: `{"label":{"a=b":true}}`. Older engines take lists too. */
export function filtersOf(filters: readonly string[]): string {
  const byKey = new Map<string, Map<string, true>>();
  for (const filter of filters) {
    const at = filter.indexOf("=");
    const key = filter.slice(0, at);
    const values = byKey.get(key) ?? new Map<string, true>();
    byKey.set(key, values.set(filter.slice(at + 1), true));
  }
  const entries = Array.from(byKey, ([key, values]) => [key, Object.fromEntries(values)] as const);
  return JSON.stringify(Object.fromEntries(entries));
}
