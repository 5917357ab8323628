import { setImmediate } from "node:timers/promises";

/**
 * Makes calls at the same time share one run of `work`. A call never gets the result of a run that
 * had begun before it: it waits for the next, with all others of its key that wait. One run goes on
 * at a time, whatever its key.
 */
export function sharedRuns<T>(work: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const waiting = new Map<string, PromiseWithResolvers<T>>();
  let running = false;

  async function runAll(): Promise<void> {
    running = true;
    // Requests that came in with this one are still being read: let them in on it.
    await setImmediate();
    // Iteration reaches keys that are added meanwhile, too.
    for (const [key, { resolve, reject }] of waiting) {
      waiting.delete(key);
      try {
        resolve(await work(key));
      } catch (error) {
        reject(error);
      }
    }
    running = false;
  }

  return (key) => {
    const known = waiting.get(key);
    if (known !== undefined) return known.promise;
    const own = Promise.withResolvers<T>();
    waiting.set(key, own);
    if (!running) void runAll();
    return own.promise;
  };
}
