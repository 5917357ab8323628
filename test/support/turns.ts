import { setImmediate } from "node:timers/promises";

/** Turns the event loop a few times, so that everything that needs no I/O proceeds. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}
