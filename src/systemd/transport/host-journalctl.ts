import type { CommandOutput } from "../../domain/runtime.ts";
import type { CollectOptions } from "../../platform/process/collect-output.ts";
import { isRoot, UNPRIVILEGED_ID } from "../../platform/process/unprivileged.ts";
import type { OpenFile } from "./container-root.ts";
import { runHostCommand } from "./host-command.ts";
import { SocketError } from "./socket-error.ts";

const COMMAND = "journalctl";

/** This host can't read the container's journal, so that another way has to. */
export class HostJournalError extends Error {
  override readonly name = "HostJournalError";
}

/**
 * Returns the error for files that can't be opened: HostJournalError, unless the container has ended or
 * this process has too many files open, which another attempt may find otherwise.
 */
export function filesError(cause: unknown): Error {
  const isOutside =
    cause instanceof SocketError && (cause.verdict === "outside" || cause.isLasting);
  if (isOutside) return cause;
  return new HostJournalError(`the journal's files can't be read: ${String(cause)}`, { cause });
}

/** Runs the host's journalctl on one file. */
export type RunJournalctl = (
  file: OpenFile,
  args: readonly string[],
  options: CollectOptions,
) => Promise<CommandOutput>;

/** Runs it as user nobody if that is possible. @throws HostJournalError if it can't be run */
export const runOnHost: RunJournalctl = async (file, args, options) => {
  const id = isRoot() ? UNPRIVILEGED_ID : undefined;
  try {
    return await runHostCommand([COMMAND, "--file=-", ...args], { ...options, id, stdin: file.fd });
  } catch (cause) {
    throw runError(cause);
  }
};

function runError(cause: unknown): unknown {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  const isMissing = code === "ENOENT" || code === "EACCES" || code === "EPERM";
  // Otherwise the process table is full, or so.
  if (syscall?.startsWith("spawn") !== true || !isMissing) return cause;
  return new HostJournalError(`the host's ${COMMAND} can't be run`, { cause });
}
