import type { Process, ProcessExit } from "../../domain/process.ts";
import type { CommandOutput } from "../../domain/runtime.ts";
import type { CollectOptions } from "../../platform/process/collect-output.ts";
import { isRoot, UNPRIVILEGED_ID } from "../../platform/process/unprivileged.ts";
import { ExportStream } from "../format/export-stream.ts";
import { whyOf } from "../format/journal.ts";
import { type ExportedEntry, parseExport } from "../format/exported-entry.ts";
import type { ContainerRootOptions, OpenFile } from "./container-root.ts";
import { runHostCommand, startHostCommand } from "./host-command.ts";
import { JournalFiles, type JournalsOf } from "./journal-files.ts";
import { SocketError } from "./socket-error.ts";

const COMMAND = "journalctl";
/** Bytes of its output that are parsed at once. */
const BATCH_BYTES = 65_536;

/** This host can't read the container's journal, so that another way has to. */
export class HostJournalError extends Error {
  override readonly name = "HostJournalError";
}

/**
 * Opens a container's journal files.
 *
 * @param sinceMs Unix milliseconds
 * @throws HostJournalError if they can't be opened; SocketError if another attempt may find it otherwise:
 *   the container has ended, or this process has too many files open
 */
export function openJournalFiles(
  at: ContainerRootOptions,
  sinceMs: number,
  of: JournalsOf = "system",
): JournalFiles {
  try {
    return JournalFiles.open(at, sinceMs, of);
  } catch (cause) {
    throw filesError(cause);
  }
}

/** Returns the error of {@link openJournalFiles} for files that can't be opened. */
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

/** Starts the host's journalctl on one file. */
export type StartJournalctl = (file: OpenFile, args: readonly string[]) => Process;

/** Starts it as user nobody if that is possible. */
export const startOnHost: StartJournalctl = (file, args) => {
  const id = isRoot() ? UNPRIVILEGED_ID : undefined;
  return startHostCommand([COMMAND, "--file=-", ...args], { id, stdin: file.fd });
};

function runError(cause: unknown): unknown {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  const isMissing = code === "ENOENT" || code === "EACCES" || code === "EPERM";
  // Otherwise the process table is full, or so.
  if (syscall?.startsWith("spawn") !== true || !isMissing) return cause;
  return new HostJournalError(`the host's ${COMMAND} can't be run`, { cause });
}

/** Entries of one file, in the order in which journalctl printed them. */
export interface FileExport {
  readonly entries: readonly ExportedEntry[];
  /** False if the file has more than was read. */
  readonly isWhole: boolean;
}

/**
 * Reads entries of one file in the export format; at most the first `maxBytes`.
 *
 * @throws HostJournalError if journalctl fails, such as for a file of a newer systemd
 */
export async function exportFile(
  run: RunJournalctl,
  file: OpenFile,
  options: {
    readonly args: readonly string[];
    readonly maxBytes: number;
    readonly signal: AbortSignal;
    /** User whose manager's units the entries are of. Default: the system's. */
    readonly user?: string | undefined;
  },
): Promise<FileExport> {
  const { args, maxBytes, signal, user } = options;
  const output = await run(file, args, { maxBytes, encoding: "latin1", isCut: true, signal });
  const { stdout, exitCode, stderr } = output;
  if (exitCode !== undefined) checkExit({ stdout, exitCode, stderr });
  return { entries: parseExport(stdout, user), isWhole: exitCode !== undefined };
}

/** @throws HostJournalError if journalctl has failed; one that finds no entry can exit with 1 */
function checkExit(output: CommandOutput): void {
  const { stdout, exitCode, stderr } = output;
  const isEmpty = exitCode === 1 && stdout === "" && stderr.trim() === "";
  if (exitCode === 0 || isEmpty) return;
  throw new HostJournalError(`the host's ${COMMAND} failed: ${whyOf(output)}`);
}

/**
 * Reads entries of one file, in the order of the file, in batches as journalctl prints them. journalctl
 * waits while they aren't taken. Ending the iteration ends it.
 *
 * @throws HostJournalError if journalctl fails, such as for a file of a newer systemd
 */
export async function* exportBatches(
  start: StartJournalctl,
  file: OpenFile,
  options: { readonly args: readonly string[]; readonly signal: AbortSignal },
): AsyncGenerator<readonly ExportedEntry[], void> {
  const { args, signal } = options;
  const process = start(file, args);
  const kill = (): unknown => process.kill();
  signal.addEventListener("abort", kill, { once: true });
  try {
    let batch: ExportedEntry[] = [];
    let printed = "";
    const stream = new ExportStream((entry) => void batch.push(entry));
    for await (const bytes of joined(process.stdout)) {
      signal.throwIfAborted();
      stream.push(bytes);
      printed = "entries";
      if (batch.length === 0) continue;
      yield batch;
      batch = [];
    }
    const exit = (await process.exited) as Partial<ProcessExit> | undefined;
    signal.throwIfAborted();
    const { exitCode, stderr = "" } = exit ?? {};
    checkExit({ stdout: printed, exitCode, stderr });
  } catch (cause) {
    signal.throwIfAborted();
    throw runError(cause);
  } finally {
    signal.removeEventListener("abort", kill);
    kill();
  }
}

/** Joins chunks: journalctl writes 4 KiB at a time, and what is done for each costs. */
async function* joined(chunks: Process["stdout"]): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk;
    if (bytes.length === 0) continue;
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes < BATCH_BYTES) continue;
    yield Buffer.concat(held);
    held = [];
    heldBytes = 0;
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}
