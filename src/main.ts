#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { openWebSettings, webConfigProblem } from "./app/web.ts";
import { BUILD_INFO } from "./config/build-info.ts";
import { parseConfig } from "./config/parse-config.ts";
import { SERVICE_MANAGER_VARIABLES } from "./config/service-manager.ts";
import { asError } from "./domain/as-error.ts";
import type { WebSettings } from "./http/web-config/web-settings.ts";
import { systemClock } from "./runtime/clock.ts";
import { createLogger } from "./runtime/log.ts";
import { stderrSink } from "./runtime/stderr-sink.ts";

const SIGNALS = { SIGTERM: 15, SIGINT: 2 } as const;

/** What is printed instead of running: whole lines, and the exit code. */
interface Printed {
  readonly code: 0 | 2;
  readonly stdout?: string;
  readonly stderr?: string;
}

function print({ code, stdout, stderr }: Printed): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // A reader that has gone, such as `head`, has what it wanted; a full disk doesn't.
    if (error.code !== "EPIPE") process.exitCode = 1;
  });
  process.stderr.on("error", () => {});
  if (stdout !== undefined) process.stdout.write(stdout);
  if (stderr !== undefined) process.stderr.write(stderr);
  process.exitCode = code;
}

/**
 * Room for young objects grows to 48 MB by itself as soon as much happens at once, and stays so. Nearly
 * all of ours die at once: looking after the little room that there is at the start costs next to
 * nothing. The flag is heeded whenever that room would grow, so it has to be set before anything large
 * is loaded.
 */
const SMALL_YOUNG_GENERATION = "--semi-space-growth-factor=1";

async function main(): Promise<void> {
  const parsed = parseConfig(process.argv.slice(2), process.env);
  for (const name of SERVICE_MANAGER_VARIABLES) delete process.env[name];
  if (parsed.kind === "exit") {
    print(parsed);
    return;
  }
  const { config } = parsed;
  setFlagsFromString(SMALL_YOUNG_GENERATION);
  const log = createLogger({ ...config.log, clock: systemClock, write: stderrSink() });
  let web: WebSettings | undefined;
  try {
    web = await openWebSettings({ config, clock: systemClock, log });
  } catch (error) {
    const problem = webConfigProblem(error);
    if (problem === undefined) throw error;
    print({ code: 2, stderr: `unitwatch: error: ${problem}\n` });
    return;
  }
  if (parsed.kind === "check") {
    print({ code: 0, stdout: "configuration is valid\n" });
    return;
  }
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
    await runApp({ config, clock: systemClock, log, web, signal: end.signal });
    log.info("unitwatch ends");
    // Nothing is left to wait for: what still holds the process was given its time.
    process.exit(0);
  } catch (error) {
    die(error);
  }
}

await main();
