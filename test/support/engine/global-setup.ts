import type { Engine } from "./docker.ts";
import { EngineEnv } from "./engine-env.ts";
import { acquireEngine, NoEngineError } from "./engine.ts";
import { ensureImage } from "./images.ts";

declare global {
  /** From the global setup to the global teardown, which share nothing else. */
  var unitwatchTestEngine: Engine | undefined;
}

/** Before the first e2e test: one engine, with images, for all test files of this run. */
export default async function globalSetup(): Promise<void> {
  let engine: Engine;
  try {
    engine = await acquireEngine();
  } catch (error) {
    // In CI a run without these tests would pass for a run with them.
    if (!(error instanceof NoEngineError) || process.env["CI"] === "true") throw error;
    console.warn(`e2e tests are skipped: ${error.message}`);
    process.env[EngineEnv.Skip] = error.message;
    return;
  }
  try {
    // Both now: to make one takes a minute or more, which no test's limit has room for.
    await Promise.all([ensureImage(engine, "bookworm"), ensureImage(engine, "trixie")]);
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  globalThis.unitwatchTestEngine = engine;
  process.env[EngineEnv.Host] = engine.host;
  process.env[EngineEnv.RunId] = engine.runId;
  process.env[EngineEnv.Private] = engine.isPrivate ? "1" : "0";
}
