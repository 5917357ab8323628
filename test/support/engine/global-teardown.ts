import "./global-setup.ts";

/** Removes the engine of the run. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.unitwatchTestEngine?.[Symbol.asyncDispose]();
}
