import "./global-setup.ts";

/** After the last e2e test. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.unitwatchTestEngine?.[Symbol.asyncDispose]();
}
