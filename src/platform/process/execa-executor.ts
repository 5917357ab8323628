import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { execa } from "execa";
import type { Executor, Process, ProcessExit } from "../../domain/process.ts";
import { keptEnd } from "./kept-end.ts";

/** Time that output may stay open after the exit: a child that inherited it can hold it for ever. */
const OUTPUT_GRACE_MS = 100;

/**
 * Returns an executor that starts real commands by execa, without a shell, found on the PATH. It
 * doesn't buffer their output: a command whose stdout isn't read stops when the pipe is full. They
 * are killed when this process exits.
 */
export function execaExecutor(): Executor {
  return { start };
}

/** @throws if the command can't be started: it is missing, or not executable */
async function start(command: string, args: readonly string[]): Promise<Process> {
  const subprocess = execa(command, args, {
    buffer: false,
    reject: false,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    killSignal: "SIGKILL",
    forceKillAfterDelay: false,
  });
  const { stdin, stdout, stderr, nodeChildProcess } = subprocess;
  if (subprocess.pid === undefined) {
    const { originalMessage, cause } = await subprocess;
    throw new Error(`can't start ${command}: ${originalMessage ?? "unknown reason"}`, { cause });
  }
  // Execa drops what a stream holds if no reader is attached within the first turn.
  stdout.pause();
  // A write to a command that has ended fails with EPIPE; `exited` reports its end.
  stdin.on("error", () => {});
  const exited = exitOf(nodeChildProcess, stderr);
  let isKilled = false;
  return {
    stdout,
    stdin,
    exited,
    kill() {
      subprocess.kill();
      // No reader is left, and a child that inherited the pipe could fill it for ever.
      if (stdout.listenerCount("readable") === 0) stdout.destroy();
      else if (!isKilled) void endOutput(stdout, exited);
      isKilled = true;
    },
  };
}

/** Ends a killed command's output, also if a child of it runs on and holds the pipe. */
async function endOutput(stdout: Readable, exited: Promise<unknown>): Promise<void> {
  await exited;
  if (stdout.closed) return;
  const timer = setTimeout(() => stdout.destroy(), OUTPUT_GRACE_MS);
  stdout.once("close", () => clearTimeout(timer));
}

function exitOf(child: ChildProcess, stderr: Readable): Promise<ProcessExit> {
  // A signal that can't be sent is an error event, which ends this process without a listener.
  child.on("error", () => {});
  const kept = keptEnd(stderr);
  const exited = Promise.withResolvers<ProcessExit>();
  child.once("exit", (exitCode, signal) => {
    const report = (): void => {
      clearTimeout(timer);
      exited.resolve({
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        stderr: kept(),
      });
    };
    const timer = setTimeout(report, OUTPUT_GRACE_MS);
    if (stderr.closed) report();
    else stderr.once("close", report);
  });
  return exited.promise;
}
