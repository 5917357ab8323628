import { type ChildProcess, spawn } from "node:child_process";
import type { ProcessExit } from "../../domain/process.ts";
import type { CommandOutput } from "../../domain/runtime.ts";
import { collectOutput, type CollectOptions } from "../../platform/process/collect-output.ts";
import { keptEnd } from "../../platform/process/kept-end.ts";
import { isRoot, UNPRIVILEGED_ID } from "../../platform/process/unprivileged.ts";
import type { OpenFile } from "./container-root.ts";

const COMMAND = "journalctl";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** This host can't read the container's journal, so that another way has to. */
export class HostJournalError extends Error {
  override readonly name = "HostJournalError";
}

/** Runs the host's journalctl on one file. */
export type RunJournalctl = (
  file: OpenFile,
  args: readonly string[],
  options: CollectOptions,
) => Promise<CommandOutput>;

/** Runs it as user nobody if that is possible. @throws HostJournalError if it can't be run */
export const runOnHost: RunJournalctl = async (file, args, options) => {
  const user = isRoot() ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};
  let child: ChildProcess;
  try {
    child = spawn(COMMAND, ["--file=-", ...args], {
      ...user,
      stdio: [file.fd, "pipe", "pipe"],
      cwd: "/",
      env: { PATH, LC_ALL: "C" },
    });
  } catch (cause) {
    throw new HostJournalError(`the host's ${COMMAND} can't be run`, { cause });
  }
  const exited = Promise.withResolvers<ProcessExit>();
  const { stdout } = child;
  if (stdout === null || child.stderr === null) throw new Error("a child without pipes");
  const stderr = keptEnd(child.stderr);
  child.once("error", (cause) => {
    exited.reject(new HostJournalError(`the host's ${COMMAND} can't be run`, { cause }));
  });
  child.once("close", (exitCode, name) => {
    exited.resolve({
      exitCode: exitCode ?? undefined,
      signal: name ?? undefined,
      stderr: stderr(),
    });
  });
  exited.promise.catch(() => {});
  const kill = (): boolean => child.kill("SIGKILL");
  return collectOutput({ stdout, kill, exited: exited.promise }, options);
};
