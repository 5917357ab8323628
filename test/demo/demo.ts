/**
 * `npm run demo [-- --once]`: unitwatch at work, on containers of its own making.
 *
 * This process stays in front; a second one, in a session of its own, does everything. So a Ctrl-C
 * reaches no command that is under way, and when this process ends, in whatever way, the second one
 * notices, removes what it made, and ends too.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { play } from "./play.ts";
import { terminal } from "./terminal.ts";

/** How long the orderly removal may take once the demo is to end. */
const REMOVAL_LIMIT_MS = 30_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

if (process.send === undefined) await front();
else await back();

async function front(): Promise<void> {
  const player = fork(import.meta.filename, process.argv.slice(2), { detached: true });
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (player.connected) player.disconnect();
    });
  }
  const [code] = (await once(player, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}

async function back(): Promise<void> {
  const end = new AbortController();
  const abort = (): void => {
    if (end.signal.aborted) return;
    terminal.note("\nending, and removing all that was made …");
    end.abort();
    // Those who look after the engine and the containers remove them when this process has ended.
    setTimeout(() => process.exit(1), REMOVAL_LIMIT_MS).unref();
  };
  process.on("disconnect", abort);
  for (const name of SIGNALS) process.on(name, abort);
  // Nobody reads any more: that is the end, too.
  process.stdout.on("error", abort);

  let isOnce = false;
  try {
    isOnce = parseArgs({ options: { once: { type: "boolean", default: false } } }).values.once;
    process.exitCode = (await play({ once: isOnce, signal: end.signal })) ? 0 : 1;
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
