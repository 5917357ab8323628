import type { Engine } from "./docker.ts";
import { EngineEnv } from "./engine-env.ts";
import { acquireEngine, NoEngineError } from "./engine.ts";
import { ensureImage } from "./images.ts";

declare global {
  /** Passes the engine from the global setup to the global teardown. */
  var unitwatchTestEngine: Engine | undefined;
}

/** Provides one engine with images for all e2e test files of a run. */
export default async function globalSetup(): Promise<void> {
  let engine: Engine;
  try {
    engine = await acquireEngine();
  } catch (error) {
    // In CI a run that skips these tests must fail.
    if (!(error instanceof NoEngineError) || process.env["CI"] === "true") throw error;
    console.warn(`e2e tests are skipped: ${error.message}`);
    process.env[EngineEnv.Skip] = error.message;
    return;
  }
  try {
    // Makes both images now: each takes a minute or more, which exceeds a test's limit.
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
