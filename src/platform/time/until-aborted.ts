/**
 * What `work` comes to, or undefined as soon as `signal` aborts, whether `work` ever settles or not.
 * What it does after that goes unheard, a rejection too. It leaves nothing behind on the signal, so
 * that a signal that lives for months can be used for each step.
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
