/** Two elements of a list that can become one, and how much time that one spans. */
export interface Pair {
  readonly first: number;
  readonly second: number;
  readonly span: number;
}

/** Returns at most `count` pairs, those that span the least; no element is in two of them. */
export function closestPairs(pairs: readonly Pair[], count: number): readonly Pair[] {
  const taken = new Set<number>();
  const closest: Pair[] = [];
  for (const pair of pairs.toSorted((one, other) => one.span - other.span)) {
    if (closest.length >= count) break;
    if (taken.has(pair.first) || taken.has(pair.second)) continue;
    taken.add(pair.first).add(pair.second);
    closest.push(pair);
  }
  return closest;
}
