/**
 * Returns the result of `work`, or undefined as soon as `signal` aborts, even if `work` never
 * settles. Ignores what `work` does after that, a rejection too. Leaves no listener on the signal,
 * so one signal can serve each step for months.
 */
export function untilAborted<T>(
  work: T | PromiseLike<T>,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    const settle = async (): Promise<void> => {
      try {
        resolve(await work);
      } catch (error) {
        reject(error);
      } finally {
        signal?.removeEventListener("abort", abort);
      }
    };
    void settle();
  });
}
