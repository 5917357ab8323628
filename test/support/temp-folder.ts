import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Waits for the end of its stdin and of the private engines below the folder, which remove their own files. */
const REMOVER = `
cat >/dev/null
for _ in $(seq 60); do ls "$1"/*/private-engine.sh >/dev/null 2>&1 || break; sleep 1; done
rm -rf "$1"`;

/**
 * Gives this process and its children a folder for temporary files. It is removed when this process
 * has ended, also by Ctrl-C or SIGKILL.
 */
export function useTempFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), "unitwatch-tests-"));
  const remover = spawn("sh", ["-c", REMOVER, "sh", folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  remover.unref();
  if (remover.stdin instanceof Socket) remover.stdin.unref();
  process.env["TMPDIR"] = folder;
}
