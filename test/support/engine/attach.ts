import { describe } from "@jest/globals";
import { type Engine, engineAt } from "./docker.ts";
import { EngineEnv } from "./engine-env.ts";

/** The engine of this run, with the images of nodes in it. Throws where there is none. */
export function attachEngine(): Engine {
  const host = process.env[EngineEnv.Host];
  const runId = process.env[EngineEnv.RunId];
  if (host === undefined || runId === undefined) {
    throw new Error(`no engine: ${process.env[EngineEnv.Skip] ?? "the global setup didn't run"}`);
  }
  return engineAt({ host, runId, isPrivate: process.env[EngineEnv.Private] === "1" });
}

/**
 * `describe` for tests that need an engine; skipped where there is none. `attachEngine()` may be
 * called in its hooks and tests, not while it describes.
 */
export function describeEngine(name: string, fn: () => void): void {
  describeIf(process.env[EngineEnv.Skip] === undefined)(name, fn);
}

/**
 * `describe` for tests that start an engine of their own, to stop and kill it; skipped for users
 * who can't start one, even where there is an engine.
 */
export function describePrivateEngine(name: string, fn: () => void): void {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  describeIf(isRoot && process.env[EngineEnv.Skip] === undefined)(name, fn);
}

const describeIf = (condition: boolean) => (condition ? describe : describe.skip);
