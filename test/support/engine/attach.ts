import { describe } from "@jest/globals";
import { type Engine, engineAt } from "./docker.ts";
import { EngineEnv } from "./engine-env.ts";

/** Returns the engine of this run, which has the images of nodes. @throws if no engine is available */
export function attachEngine(): Engine {
  const host = process.env[EngineEnv.Host];
  const runId = process.env[EngineEnv.RunId];
  if (host === undefined || runId === undefined) {
    throw new Error(`no engine: ${process.env[EngineEnv.Skip] ?? "the global setup didn't run"}`);
  }
  return engineAt({ host, runId, isPrivate: process.env[EngineEnv.Private] === "1" });
}

/**
 * `describe` for tests that need an engine; skipped without one. Call `attachEngine()` only in
 * its hooks and tests.
 */
export function describeEngine(name: string, fn: () => void): void {
  describeIf(process.env[EngineEnv.Skip] === undefined)(name, fn);
}

/**
 * `describe` for tests that start, stop and kill a private engine; skipped for users who can't
 * start one.
 */
export function describePrivateEngine(name: string, fn: () => void): void {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  describeIf(isRoot && process.env[EngineEnv.Skip] === undefined)(name, fn);
}

const describeIf = (condition: boolean) => (condition ? describe : describe.skip);
