import type { FollowJournal } from "../../domain/journal.ts";
import type { ProcessExit } from "../../domain/process.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import { ExportStream } from "../format/export-stream.ts";
import { isMissing, JournalError, whyOf } from "../format/journal.ts";
import type { ExportedEntry } from "../format/exported-entry.ts";
import { MARK } from "../format/mark.ts";
import type { BootGate } from "./boot-gate.ts";
import { followFiles } from "./follow-files.ts";
import { Followed, type FollowedOptions } from "./followed.ts";
import { GracefulClose } from "./graceful-close.ts";
import type { HostJournalOptions } from "./host-journal.ts";
import { HostJournalError } from "./host-journalctl.ts";
import { untilInputEnds } from "./shell-script.ts";

/**
 * journalctl keeps nothing that it would have to write at its end. SIGTERM may not end it while its output
 * isn't read.
 */
const SCRIPT = untilInputEnds('journalctl "$@"', "kill -9");

export interface FollowJournalOptions extends FollowedOptions, HostJournalOptions {
  readonly runtime: Pick<ContainerRuntime, "exec">;
  /** Container id. */
  readonly container: string;
  readonly gate: Pick<BootGate, "passed">;
  /** True if the journal's files are read by the host's journalctl, if it can. */
  readonly prefersHost: () => boolean;
  /** False if no command can be run in the container. Default: true. */
  readonly runsCommands?: boolean;
}

/**
 * Returns a follower of a container's journal: by the host's journalctl, where no process is started in
 * the container; by a command in it where the host can't. That command ends with its input. journalctl
 * itself goes on over a restart of journald, and from file to file.
 *
 * The follower rejects with JournalError if the journal is unavailable.
 */
export function followJournal(options: FollowJournalOptions): FollowJournal {
  return async (query) => {
    const { signal } = query;
    const followed = new Followed(query, options);
    try {
      if (options.prefersHost()) await followOnHost(followed, { ...options, signal });
      await options.gate.passed(signal);
      await followInContainer(followed, { ...options, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };
}

type Following = FollowJournalOptions & { readonly signal: AbortSignal };

/** Resolves if this host can't read the files. */
async function followOnHost(followed: Followed, options: Following): Promise<void> {
  try {
    await followFiles(followed, options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof HostJournalError)) throw error;
    if (options.runsCommands === false) throw new JournalError(error.message, true);
  }
}

async function followInContainer(
  followed: Followed,
  { runtime, container, clock, signal }: Following,
): Promise<void> {
  const command = ["sh", "-c", SCRIPT, MARK, "--follow", "--no-tail", ...followed.args];
  const process = await runtime.exec(container, command, { user: "0:0", signal });
  await using close = new GracefulClose(process, { clock, signal });
  let batch: ExportedEntry[] = [];
  const stream = new ExportStream((entry) => void batch.push(entry));
  let isFirst = true;
  for await (const chunk of process.stdout) {
    if (signal.aborted) continue;
    stream.push(typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk);
    if (batch.length === 0) continue;
    const { entries, isKnown } = isFirst
      ? followed.after(batch)
      : { entries: batch, isKnown: true };
    isFirst = false;
    batch = [];
    followed.pass(entries, !isKnown);
  }
  if (signal.aborted) return;
  await close.finish();
  const exit = (await process.exited) as Partial<ProcessExit> | undefined;
  const output = { stdout: "", exitCode: exit?.exitCode, stderr: exit?.stderr ?? "" };
  const why = whyOf(output) || `exit code ${output.exitCode ?? "none"}`;
  throw new JournalError(`journalctl ended: ${why}`, isMissing(output));
}
