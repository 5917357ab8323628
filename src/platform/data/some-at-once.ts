/**
 * Does the work for each item, `limit` at a time. Rejects with the first failure: then it starts no
 * more work, and doesn't wait for the work that runs.
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

/** Wraps an iterable so that a failed loop ends it for the others too; an array's iterator would go on. */
function* waitingOf<T>(items: Iterable<T>): Generator<T, void, undefined> {
  yield* items;
}
