#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { BUILD_INFO } from "./config/build-info.ts";
import { parseConfig } from "./config/parse-config.ts";
import { asError } from "./domain/as-error.ts";
import { systemClock } from "./runtime/clock.ts";
import { createLogger } from "./runtime/log.ts";
import { stderrSink } from "./runtime/stderr-sink.ts";

const SIGNALS = { SIGTERM: 15, SIGINT: 2 } as const;

/**
 * Room for young objects grows to 48 MB by itself as soon as much happens at once, and stays so. Nearly
 * all of ours die at once: looking after the little room that there is at the start costs next to
 * nothing. The flag is heeded whenever that room would grow, so it has to be set before anything large
 * is loaded.
 */
const SMALL_YOUNG_GENERATION = "--semi-space-growth-factor=1";

async function main(): Promise<void> {
  const parsed = parseConfig(process.argv.slice(2), process.env);
  if (parsed.kind === "exit") {
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      // A reader that has gone, such as `head`, has what it wanted; a full disk doesn't.
      if (error.code !== "EPIPE") process.exitCode = 1;
    });
    process.stderr.on("error", () => {});
    if (parsed.stdout !== undefined) process.stdout.write(parsed.stdout);
    if (parsed.stderr !== undefined) process.stderr.write(parsed.stderr);
    process.exitCode = parsed.code;
    return;
  }
  const { config } = parsed;
  setFlagsFromString(SMALL_YOUNG_GENERATION);
  const log = createLogger({ ...config.log, clock: systemClock, write: stderrSink() });
  const end = new AbortController();
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (end.signal.aborted) process.exit(128 + number);
      end.abort(new Error(`got ${name}`));
    });
  }
  const die = (error: unknown): void => {
    log.error("unitwatch failed", { err: asError(error) });
    process.exit(1);
  };
  process.on("uncaughtException", die);
  try {
    log.info("unitwatch starts", { version: BUILD_INFO.version, node: BUILD_INFO.nodeVersion });
    const { runApp } = await import("./app.ts");
    await runApp({ config, clock: systemClock, log, signal: end.signal });
    log.info("unitwatch ends");
    // Nothing is left to wait for: what still holds the process was given its time.
    process.exit(0);
  } catch (error) {
    die(error);
  }
}

await main();
