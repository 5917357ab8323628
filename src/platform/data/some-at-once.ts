/**
 * Does the work for each item, for `limit` of them at a time. Rejects with the first failure: no work is
 * begun any more then, and what is under way ends by itself.
 */
export async function someAtOnce<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = waitingOf(items);
  const one = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, one));
}

/** Whoever leaves it by a failure ends it for the others too: an array's own iterator would go on. */
function* waitingOf<T>(items: Iterable<T>): Generator<T, void, undefined> {
  yield* items;
}
