import type { CommandOutput } from "../../domain/runtime.ts";
import type { CollectOptions } from "../../platform/process/collect-output.ts";
import { isRoot, UNPRIVILEGED_ID } from "../../platform/process/unprivileged.ts";
import type { OpenFile } from "./container-root.ts";
import { runHostCommand } from "./host-command.ts";

const COMMAND = "journalctl";

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
  const id = isRoot() ? UNPRIVILEGED_ID : undefined;
  try {
    return await runHostCommand([COMMAND, "--file=-", ...args], { ...options, id, stdin: file.fd });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall?.startsWith("spawn") !== true) throw cause;
    throw new HostJournalError(`the host's ${COMMAND} can't be run`, { cause });
  }
};
