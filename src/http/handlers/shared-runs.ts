import { setImmediate } from "node:timers/promises";

/**
 * Lets concurrent calls share one run of `work`. A call never gets the result of a run that began
 * before it: it waits for the next run of its key, with all other calls that wait for this key. One
 * run is under way at a time, whatever its key.
 */
export function sharedRuns<T>(work: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const waiting = new Map<string, PromiseWithResolvers<T>>();
  let isRunning = false;

  async function runAll(): Promise<void> {
    isRunning = true;
    // Requests that arrived with this one are still being parsed: they join the run.
    await setImmediate();
    // The iteration reaches keys that are added meanwhile, too.
    for (const [key, { resolve, reject }] of waiting) {
      waiting.delete(key);
      try {
        resolve(await work(key));
      } catch (error) {
        reject(error);
      }
    }
    isRunning = false;
  }

  return (key) => {
    const known = waiting.get(key);
    if (known !== undefined) return known.promise;
    const own = Promise.withResolvers<T>();
    waiting.set(key, own);
    if (!isRunning) void runAll();
    return own.promise;
  };
}
