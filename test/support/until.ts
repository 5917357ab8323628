import { setImmediate } from "node:timers/promises";

/**
 * Turns the event loop until `check` holds, for events that are already under way and need no time.
 * @throws after `maxTurns` turns
 */
export async function until(check: () => boolean, maxTurns = 5_000): Promise<void> {
  for (let turn = 0; !check(); turn += 1) {
    if (turn >= maxTurns) throw new Error(`not true after ${maxTurns} turns: ${String(check)}`);
    await setImmediate();
  }
}
