import type { Clock } from "../../domain/clock.ts";

/** Calls `run` after each interval, until the handle is disposed. */
export function every(intervalMs: number, clock: Clock, run: () => void): Disposable {
  let timer: Disposable | undefined;
  const again = (): void => {
    run();
    timer = clock.setTimeout(again, intervalMs);
  };
  timer = clock.setTimeout(again, intervalMs);
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
}
