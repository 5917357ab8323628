import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { execa } from "execa";
import type { Executor, Process, ProcessExit } from "../../domain/process.ts";

const KEPT_STDERR_BYTES = 4096;
/** How long its output may stay open after the end: whoever inherited it can hold it for ever. */
const OUTPUT_GRACE_MS = 100;

/**
 * Starts real commands, without a shell, found on the PATH. Their output isn't kept but handed on:
 * a command whose stdout isn't read stops when the pipe is full. They are killed when this process
 * exits.
 */
export function execaExecutor(): Executor {
  return { start };
}

/** @throws where the command can't be started, such as one that isn't there */
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
  // Execa throws away what a stream holds that nobody has begun to read within the first turn.
  stdout.pause();
  // A write to a command that has ended fails with EPIPE; its end is told by `exited`.
  stdin.on("error", () => {});
  const exited = exitOf(nodeChildProcess, stderr);
  let isKilled = false;
  return {
    stdout,
    stdin,
    exited,
    kill() {
      subprocess.kill();
      // Nobody will read it now, and whoever inherited the pipe could fill it for ever.
      if (stdout.listenerCount("readable") === 0) stdout.destroy();
      else if (!isKilled) void endOutput(stdout, exited);
      isKilled = true;
    },
  };
}

/** A killed command's output ends, also where a command that it ran for us lives on, and holds it. */
async function endOutput(stdout: Readable, exited: Promise<unknown>): Promise<void> {
  await exited;
  if (stdout.closed) return;
  const timer = setTimeout(() => stdout.destroy(), OUTPUT_GRACE_MS);
  stdout.once("close", () => clearTimeout(timer));
}

function exitOf(child: ChildProcess, stderr: Readable): Promise<ProcessExit> {
  // A signal that can't be sent is an error event, which ends this process if nobody listens.
  child.on("error", () => {});
  let kept: Buffer = Buffer.alloc(0);
  stderr.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-KEPT_STDERR_BYTES);
  });
  const exited = Promise.withResolvers<ProcessExit>();
  child.once("exit", (exitCode, signal) => {
    const tell = (): void => {
      clearTimeout(timer);
      exited.resolve({
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        stderr: kept.toString("utf8"),
      });
    };
    const timer = setTimeout(tell, OUTPUT_GRACE_MS);
    if (stderr.closed) tell();
    else stderr.once("close", tell);
  });
  return exited.promise;
}
