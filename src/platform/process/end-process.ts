import { setFlagsFromString } from "node:v8";
import { isExecutable } from "./is-executable.ts";

const SHELL = "/bin/sh";
/** A thread that compiles so can wait for the main thread's garbage collection, as the process ends. */
const NO_WAITING_COMPILER = "--no-concurrent-sparkplug";

/** Keeps V8 from waiting for itself as the process ends. Call it before anything large is loaded. */
export function avoidHangAtEnd(): void {
  setFlagsFromString(NO_WAITING_COMPILER);
}

/**
 * Ends this process at once with an exit code: turns it into another program, which exits with the
 * code. Node's own exit joins V8's threads, one of which can wait for the main thread for ever; a
 * signal to itself has no effect on process 1 of a container.
 */
export function endProcess(code: number): never {
  try {
    // Kills child processes: their parent's exit listeners run nowhere else.
    process.emit("exit", code);
  } catch {
    // A listener's fault must not keep the process alive.
  }
  if (isExecutable(SHELL)) process.execve?.(SHELL, ["sh", "-c", `exit ${code}`], {});
  process.execve?.(process.execPath, ["node", "-e", `process.exitCode = ${code}`], {});
  // Only Windows has no execve.
  process.kill(process.pid, "SIGKILL");
  throw new Error("the process has not ended");
}

/**
 * Lets the process end with this code as soon as nothing keeps its event loop alive, and at the
 * latest after `limitMs` by {@link endProcess}.
 *
 * @param late called at the limit, with the kinds of what is still open
 */
export function letProcessEnd(
  code: number,
  { limitMs, late }: { readonly limitMs: number; readonly late: (open: string) => void },
): void {
  process.exitCode = code;
  const timer = setTimeout(() => {
    late(process.getActiveResourcesInfo().join(" "));
    endProcess(code);
  }, limitMs);
  timer.unref();
}
