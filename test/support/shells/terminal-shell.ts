import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import type { CompletingShell } from "./shell.ts";
import { offersOf } from "./shell.ts";

/** Kills the line; what comes then is typed. */
const ANEW = "\u0015";
const TAB = "\t";
/** What the shell is to bind to putting its line into the file `line`. */
export const TELL_LINE = "\u0018d";

/**
 * A shell in a terminal of its own: its line editor takes the keys. It is to put what it offers into
 * the file `offers`, a word a line, and its line into the file `line` at the key {@link TELL_LINE}.
 */
export function terminalShell(
  command: string,
  folder: string,
  env: Readonly<Record<string, string>>,
): CompletingShell {
  const child = spawn("script", ["--quiet", "--flush", "--command", command, "/dev/null"], {
    cwd: folder,
    env: { ...env, TERM: "xterm", HOME: folder, LC_ALL: "C.UTF-8" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let shown = "";
  child.stdout.on("data", (chunk) => (shown += String(chunk)));
  const ended = once(child, "close");
  const offers = join(folder, "offers");
  const line = join(folder, "line");
  return {
    async complete(typed) {
      await Promise.all([offers, line].map((file) => rm(file, { force: true })));
      child.stdin.write(`${ANEW}${typed}${TAB}${TELL_LINE}`);
      const told = await eventually(() => readFile(line, "utf8").then((text) => ({ text })), {
        everyMs: 5,
      }).catch((cause: unknown) => {
        throw new Error(`the shell tells nothing: ${shown}`, { cause });
      });
      const words = await readFile(offers, "utf8").catch(() => "");
      return { offers: offersOf(words.split("\n")), line: told.text };
    },
    shows: (offer) => offer,
    get shown() {
      return shown;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end(`${ANEW}exit\n`);
      await ended;
    },
  };
}
