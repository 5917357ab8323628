import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import type { CompletingShell } from "./shell.ts";
import { offersOf } from "./shell.ts";

/** Deletes the line before typing. */
const DELETE_LINE = "\u0015";
const TAB = "\t";
/** Key that the shell binds to writing its line into the file `line`. */
export const WRITE_LINE = "\u0018d";

/**
 * Starts a shell in its own terminal; its line editor reads the keys. It writes its offers into the
 * file `offers`, one a line, and its line into the file `line` at the key {@link WRITE_LINE}.
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
      child.stdin.write(`${DELETE_LINE}${typed}${TAB}${WRITE_LINE}`);
      const written = await eventually(() => readFile(line, "utf8").then((text) => ({ text })), {
        everyMs: 5,
      }).catch((cause: unknown) => {
        throw new Error(`the shell did not write its line: ${shown}`, { cause });
      });
      const words = await readFile(offers, "utf8").catch(() => "");
      return { offers: offersOf(words.split("\n")), line: written.text };
    },
    shows: (offer) => offer,
    get shown() {
      return shown;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end(`${DELETE_LINE}exit\n`);
      await ended;
    },
  };
}
