import { setImmediate } from "node:timers/promises";

/** Lets the event loop go round a few times: what needs no I/O to go on has then gone on. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}
