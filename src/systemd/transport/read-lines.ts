import type { LinesQuery, ReadLines } from "../../domain/journal.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import type { Redactor } from "../../platform/data/redactor.ts";
import { JOURNAL_LIMIT_MS, JournalError, isMissing, whyOf } from "../format/journal.ts";
import { type ExportedEntry, parseExport } from "../format/exported-entry.ts";
import { linesArgs, MAX_LINES_BYTES, maxEntries, runLines } from "../format/journal-lines.ts";
import { byWriting } from "../format/journal-order.ts";
import { MARK } from "../format/mark.ts";
import type { BootGate } from "./boot-gate.ts";
import { type HostJournalOptions, untilQuiet } from "./host-journal.ts";
import { exportFile, HostJournalError, openJournalFiles, runOnHost } from "./host-journalctl.ts";

/** Time before a run's failure in which one of its files was written. */
const FILES_SINCE_MS = 24 * 3_600_000;

/**
 * journald first writes what it has received. `head` ends a journalctl that prints more than is read; the
 * last line marks output that is whole, and has both exit codes.
 */
const SCRIPT = `journalctl --sync >/dev/null; sync=$?; { journalctl "$@"; echo "end $? $sync"; } | head -c ${MAX_LINES_BYTES}`;
const END = /(?:^|\n)end (\d{1,3}) (\d{1,3})\n$/;
const END_CHARS = 20;

export interface LineReaderOptions extends HostJournalOptions {
  readonly runtime: Pick<ContainerRuntime, "run">;
  /** Container id. */
  readonly container: string;
  readonly gate: Pick<BootGate, "passed">;
  readonly redactor: Redactor;
  /** True if the journal's files are read by the host's journalctl, if it can. */
  readonly prefersHost: () => boolean;
  /** False if no command can be run in the container. Default: true. */
  readonly runsCommands?: boolean;
}

/** The newest first. */
interface Answer {
  readonly entries: readonly ExportedEntry[];
  /** True if these are all entries of the runs. */
  readonly isAll: boolean;
}

/**
 * Returns a reader of lines from a container's journal: by the host's journalctl, where no process is
 * started in the container; by a command in it where the host can't.
 *
 * The reader rejects with JournalError if the journal is unavailable.
 */
export function lineReader(options: LineReaderOptions): ReadLines {
  return async (asked) => {
    const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(JOURNAL_LIMIT_MS)]);
    const query = { ...asked, signal };
    const { entries, isAll } = await answerTo(query, options);
    return runLines(entries, query, { isAll, redactor: options.redactor });
  };
}

async function answerTo(query: LinesQuery, options: LineReaderOptions): Promise<Answer> {
  if (options.prefersHost()) {
    try {
      return await readOnHost(query, options);
    } catch (error) {
      query.signal.throwIfAborted();
      if (!(error instanceof HostJournalError)) throw error;
      if (options.runsCommands === false) throw new JournalError(error.message, true);
    }
  }
  await options.gate.passed(query.signal);
  return readInContainer(query, options);
}

async function readInContainer(
  query: LinesQuery,
  { runtime, container, user }: LineReaderOptions,
): Promise<Answer> {
  const output = await runtime.run(
    container,
    ["sh", "-c", SCRIPT, MARK, ...linesArgs(query, user)],
    {
      user: "0:0",
      maxBytes: MAX_LINES_BYTES,
      encoding: "latin1",
      signal: query.signal,
    },
  );
  const { stdout, exitCode } = output;
  const [all, code, sync] = END.exec(stdout.slice(-END_CHARS)) ?? [];
  if (all === undefined) {
    const why = whyOf({ ...output, stdout: "" }) || `exit code ${exitCode ?? "none"}, and no end`;
    if (isMissing(output)) throw new JournalError(`journalctl failed: ${why}`, true);
    if (stdout.length < MAX_LINES_BYTES) throw new Error(`journalctl failed: ${why}`);
    return { entries: parseExport(stdout, user), isAll: false };
  }
  const printed = stdout.slice(0, stdout.length - all.length + (all.startsWith("\n") ? 1 : 0));
  const result = { ...output, stdout: "", exitCode: Number(code) };
  if (isMissing(result)) throw new JournalError(`journalctl failed: ${whyOf(output)}`, true);
  const entries = parseExport(printed, user);
  // If no journald runs, journalctl finds nothing, and doesn't fail.
  if (entries.length === 0 && sync !== "0") {
    throw new JournalError(`journalctl --sync failed: ${whyOf(result)}`, false);
  }
  return { entries, isAll: entries.length < maxEntries(query) };
}

async function readOnHost(
  query: LinesQuery,
  { at, clock, user, run = runOnHost }: LineReaderOptions,
): Promise<Answer> {
  const { signal, atNs } = query;
  const sinceNs = atNs - BigInt(FILES_SINCE_MS) * 1_000_000n;
  const args = linesArgs(query, user);
  await untilQuiet({ at, clock, signal, sinceNs: atNs, user });
  using files = openJournalFiles(at(), Number(sinceNs / 1_000_000n), "all");
  const limit = maxEntries(query);
  const found: ExportedEntry[] = [];
  let isAll = true;
  for (const { file } of files.files) {
    const options = { args, maxBytes: MAX_LINES_BYTES, signal, user };
    const { entries, isWhole } = await exportFile(run, file, options);
    isAll &&= isWhole && entries.length < limit;
    found.push(...entries);
  }
  const entries = found.toSorted((one, other) => byWriting(other, one)).slice(0, limit);
  return { entries, isAll: isAll && found.length < limit };
}
