import type { ExportedEntry } from "../format/journal-lines.ts";
import { byWriting } from "../format/journal-order.ts";
import type { Followed } from "./followed.ts";
import type { HostJournalOptions } from "./host-journal.ts";
import { exportFile, HostJournalError, openJournalFiles, runOnHost } from "./host-journalctl.ts";
import type { JournalFiles } from "./journal-files.ts";

/** Time between two reads of a journal that is written to. */
const PAUSE_MS = 1_000;
/** Time after a write in which the next write may leave the file's time as it is. */
const SAME_TIME_MS = 2_000;
/** Bound of one read of one file; the next read goes on after it. */
const MAX_BYTES = 1024 * 1024;

type FollowFilesOptions = HostJournalOptions & { readonly signal: AbortSignal };

/**
 * Follows a container's journal by the host's journalctl, which gets the open files, and can't follow
 * those: so it runs again while the files are written to.
 *
 * journald writes the entries of users to files of their own. One file is read after another, so an older
 * entry may be missing than those that were read. The next read has it: of several files, only the entries
 * up to the newest of the read before are passed on.
 *
 * @throws HostJournalError if the host's journalctl can't read the files
 */
export async function followFiles(followed: Followed, options: FollowFilesOptions): Promise<void> {
  const { at, clock, signal } = options;
  let last = { startMs: 0, writtenMs: -1, isDone: false };
  let newest: ExportedEntry | undefined;
  for (;;) {
    signal.throwIfAborted();
    const startMs = clock.nowMs();
    let isCut = false;
    {
      // After a clock was set back, files are older than the newest entry.
      using files = openJournalFiles(at(), Math.min(followed.timeMs, startMs), "all");
      const { writtenMs } = files;
      const isIdle = last.writtenMs === writtenMs && last.startMs - writtenMs > SAME_TIME_MS;
      if (!last.isDone || !isIdle) {
        const read = await readFiles(files, { ...options, args: followed.args });
        const { entries, isKnown } = followed.after(read.entries);
        const bounds = [...read.ends, ...(files.files.length > 1 ? [newest] : [])];
        const sure = entries.filter((entry) =>
          bounds.every((bound) => bound !== undefined && byWriting(entry, bound) <= 0),
        );
        followed.pass(sure, !isKnown);
        newest = read.entries.at(-1) ?? newest;
        isCut = read.ends.length > 0;
        last = { startMs, writtenMs, isDone: sure.length === entries.length && !isCut };
      }
    }
    if (!isCut) await clock.sleep(PAUSE_MS, signal);
  }
}

interface FilesRead {
  /** The oldest first. */
  readonly entries: readonly ExportedEntry[];
  /** The last entry of each file that has more. */
  readonly ends: readonly ExportedEntry[];
}

async function readFiles(
  { files }: JournalFiles,
  { run = runOnHost, args, signal }: FollowFilesOptions & { readonly args: readonly string[] },
): Promise<FilesRead> {
  const entries: ExportedEntry[] = [];
  const ends: ExportedEntry[] = [];
  for (const { file } of files) {
    const options = { args, maxBytes: MAX_BYTES, signal };
    const { entries: own, isWhole } = await exportFile(run, file, options);
    const end = own.at(-1);
    // A single entry can be larger; the command in the container has no such bound.
    if (!isWhole && own.length < 2) {
      throw new HostJournalError("an entry is too large for the host's journalctl");
    }
    if (!isWhole && end !== undefined) ends.push(end);
    entries.push(...own);
  }
  return { entries: entries.toSorted(byWriting), ends };
}
