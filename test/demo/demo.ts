/**
 * `npm run demo [-- --once]`: shows unitwatch on containers that the demo starts and removes.
 *
 * This process runs in the foreground and starts a second one, in its own session, that does the
 * work. Ctrl-C therefore interrupts no running command. When the foreground process ends for any
 * reason, the second one removes its containers and ends too.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { endProcess } from "../../src/platform/process/end-process.ts";
import { runDemo } from "./run-demo.ts";
import { terminal } from "./terminal.ts";

/** Limit for the removal after the end was requested. */
const REMOVAL_LIMIT_MS = 30_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

if (process.send === undefined) await runForeground();
else await runBackground();

async function runForeground(): Promise<void> {
  const background = fork(import.meta.filename, process.argv.slice(2), { detached: true });
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (background.connected) background.disconnect();
    });
  }
  const [code] = (await once(background, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}

async function runBackground(): Promise<void> {
  const end = new AbortController();
  const abort = (): void => {
    if (end.signal.aborted) return;
    terminal.note("\nstopping, removing everything …");
    end.abort();
    // The supervisors of the engine and the containers remove them after this process ends.
    setTimeout(() => endProcess(1), REMOVAL_LIMIT_MS).unref();
  };
  process.on("disconnect", abort);
  for (const name of SIGNALS) process.on(name, abort);
  // The demo also ends when its output is closed.
  process.stdout.on("error", abort);

  let isOnce = false;
  try {
    isOnce = parseArgs({ options: { once: { type: "boolean", default: false } } }).values.once;
    process.exitCode = (await runDemo({ once: isOnce, signal: end.signal })) ? 0 : 1;
  } catch (error) {
    if (end.signal.aborted) {
      process.exitCode = isOnce ? 130 : 0;
    } else {
      process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    }
  }
  process.off("disconnect", abort);
  if (process.connected) process.disconnect();
}
