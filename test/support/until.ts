import { setImmediate } from "node:timers/promises";

/**
 * Lets the event loop go round until `check` holds: for what is on its way already, and needs no
 * time to pass. Throws where it never comes.
 */
export async function until(check: () => boolean, maxTurns = 5_000): Promise<void> {
  for (let turn = 0; !check(); turn += 1) {
    if (turn >= maxTurns) throw new Error(`not so after ${maxTurns} turns: ${String(check)}`);
    await setImmediate();
  }
}
