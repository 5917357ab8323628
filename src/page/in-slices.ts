import { setImmediate as nextTurn } from "node:timers/promises";

/** How long work may keep the event loop to itself, in milliseconds. */
const SLICE_MS = 5;

/** Does all steps, and makes way for others between them whenever a slice of time is used up. */
export async function inSlices<T>(steps: Generator<void, T, void>): Promise<T> {
  let sliceEnd = performance.now() + SLICE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = performance.now() + SLICE_MS;
  }
}
