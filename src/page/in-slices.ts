import { setImmediate as nextTurn } from "node:timers/promises";

/** Time that the work may block the event loop. */
const SLICE_MS = 5;

/** Runs all steps, and yields to the event loop whenever a slice of time is used up. */
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
