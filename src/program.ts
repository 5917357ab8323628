/*
 * The program: parses the command line, handles signals, sets exit codes. Only main.ts imports it, with
 * a Node.js that can run it.
 */
import { BUILD_INFO } from "./config/build-info.ts";
import type { EventsConfig, StatusConfig, WaitConfig } from "./config/config.ts";
import type { Config, WatchConfig } from "./config/config.ts";
import { parseCommandLine } from "./config/parse-command.ts";
import { SERVICE_MANAGER_VARIABLES } from "./config/service-manager.ts";
import { asError } from "./platform/data/as-error.ts";
import type { Logger } from "./domain/log.ts";
import type { WebSettings } from "./http/web-config/web-settings.ts";
import { systemClock } from "./platform/time/clock.ts";
import { avoidHangAtEnd, endProcess, letProcessEnd } from "./platform/process/end-process.ts";
import { HeapGrowth } from "./platform/process/heap-growth.ts";
import { createLogger } from "./platform/log/log.ts";
import { stderrSink } from "./platform/log/stderr-sink.ts";

const SIGNALS = { SIGTERM: 15, SIGINT: 2 } as const;
type SignalName = keyof typeof SIGNALS;

/** Lines to print in place of running, and the exit code. */
interface Printed {
  readonly code: 0 | 2;
  readonly stdout?: string;
  readonly stderr?: string;
}

function print({ code, stdout, stderr }: Printed): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // A closed pipe, as by `head`, is a success; a full disk is not.
    if (error.code !== "EPIPE") process.exitCode = 1;
  });
  process.stderr.on("error", () => {});
  if (stdout !== undefined) process.stdout.write(stdout);
  if (stderr !== undefined) process.stderr.write(stderr);
  process.exitCode = code;
}

/** Aborts on the first signal; a second one, or one after the result, ends the process at once. */
interface Ending {
  readonly signal: AbortSignal;
  /** Name of the first signal. */
  readonly by: () => SignalName | undefined;
}

/** Time in which what is still open may close after the result: a client may read slowly. */
const CLOSE_MS = 1_000;

function endBySignals(): Ending {
  const end = new AbortController();
  let by: SignalName | undefined;
  for (const name of Object.keys(SIGNALS) as SignalName[]) {
    process.on(name, () => {
      if (process.exitCode !== undefined) endProcess(Number(process.exitCode));
      if (by !== undefined) endProcess(128 + SIGNALS[name]);
      by = name;
      end.abort(new Error(`received ${name}`));
    });
  }
  return { signal: end.signal, by: () => by };
}

/**
 * Runs `work`, and lets the process end with its code; with 1 if anything throws. Node's
 * own exit isn't called: it drops output that waits for a slow pipe, and can hang.
 */
async function run(log: Logger, work: () => Promise<number>): Promise<void> {
  const failed = (error: unknown): void => log.error("unitwatch failed", { err: asError(error) });
  const end = (code: number): void =>
    letProcessEnd(code, {
      limitMs: CLOSE_MS,
      late: (open) => log.debug("process ended with handles open", { open }),
    });
  process.on("uncaughtException", (error) => {
    failed(error);
    // The rest of the program may be in any state: it must not run on.
    process.exitCode = 1;
    const { stderr } = process;
    if (stderr.writableLength === 0) endProcess(1);
    stderr.once("drain", () => endProcess(1));
    setTimeout(() => endProcess(1), CLOSE_MS);
  });
  try {
    end(await work());
  } catch (error) {
    failed(error);
    end(1);
  }
}

async function runSidecar(
  config: Config,
  heap: HeapGrowth,
  start: { readonly isCheck: boolean; readonly sinceMs: number },
): Promise<void> {
  const { isCheck, sinceMs } = start;
  const log = createLogger({ ...config.log, clock: systemClock, write: stderrSink() });
  const { certificateProblem, openWebSettings, webConfigProblem } = await import("./app/check.ts");
  let web: WebSettings | undefined;
  try {
    web = await openWebSettings({ config, clock: systemClock, log });
  } catch (error) {
    const problem = webConfigProblem(error);
    if (problem === undefined) throw error;
    print({ code: 2, stderr: `unitwatch: error: ${problem}\n` });
    return;
  }
  if (isCheck) {
    const problem = await certificateProblem({ config, clock: systemClock });
    if (problem === undefined) print({ code: 0, stdout: "configuration is valid\n" });
    else print({ code: 2, stderr: `unitwatch: error: ${problem}\n` });
    return;
  }
  const { signal } = endBySignals();
  await run(log, async () => {
    log.info("unitwatch starting", { version: BUILD_INFO.version, node: BUILD_INFO.nodeVersion });
    const { runApp } = await import("./app/app.ts");
    await runApp({ config, clock: systemClock, log, web, signal, sinceMs, heap });
    log.info("unitwatch stopped");
    return 0;
  });
}

/** Runs a command and exits with the code that `work` resolves to, or by the signal if undefined. */
async function runCommand(
  config: WatchConfig,
  work: (context: Ending & { readonly log: Logger }) => Promise<number | undefined>,
): Promise<void> {
  const log = createLogger({ ...config.log, clock: systemClock, write: stderrSink() });
  const ending = endBySignals();
  await run(log, async () => {
    const code = await work({ log, ...ending });
    return code ?? 128 + SIGNALS[ending.by() ?? "SIGTERM"];
  });
}

async function wait(config: WaitConfig, sinceMs: number): Promise<void> {
  await runCommand(config, async (context) => {
    const { stdout, stderr } = process;
    const { runWait } = await import("./commands/wait/wait.ts");
    const { kind } = await runWait({
      ...context,
      config,
      clock: systemClock,
      sinceMs,
      stdout,
      stderr,
    });
    if (kind === "ended") return undefined;
    return kind === "true" ? 0 : 1;
  });
}

async function events(config: EventsConfig): Promise<void> {
  await runCommand(config, async (context) => {
    const { stdout } = process;
    const { showEvents } = await import("./commands/events/events.ts");
    const end = await showEvents({
      ...context,
      config,
      clock: systemClock,
      stdout,
      colour: hasColours(),
    });
    if (end?.kind === "failed") throw new Error("stdout is not writable", { cause: end.error });
    return end === undefined ? undefined : 0;
  });
}

async function status(config: StatusConfig): Promise<void> {
  await runCommand(config, async (context) => {
    const { stdout, stderr } = process;
    const { showStatus } = await import("./commands/status/status.ts");
    return showStatus({ ...context, config, clock: systemClock, stdout, stderr });
  });
}

async function main(): Promise<void> {
  const sinceMs = systemClock.monotonicMs();
  const parsed = parseCommandLine(process.argv.slice(2), process.env);
  for (const name of SERVICE_MANAGER_VARIABLES) delete process.env[name];
  avoidHangAtEnd();
  const heap = new HeapGrowth();
  switch (parsed.kind) {
    case "exit":
      print(parsed);
      break;
    case "wait":
      await wait(parsed.config, sinceMs);
      break;
    case "events":
      await events(parsed.config);
      break;
    case "status":
      await status(parsed.config);
      break;
    case "completion": {
      const { completionScript } = await import("./config/completion/completion-script.ts");
      print({ code: 0, stdout: completionScript(parsed.shell) });
      break;
    }
    case "run":
    case "check":
      await runSidecar(parsed.config, heap, { isCheck: parsed.kind === "check", sinceMs });
      break;
    default:
      parsed satisfies never;
  }
}

/** https://no-color.org */
function hasColours(): boolean {
  const { NO_COLOR: noColour = "", TERM: terminal } = process.env;
  return process.stdout.isTTY && noColour === "" && terminal !== "dumb";
}

await main();
