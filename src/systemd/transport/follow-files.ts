import { EXPORT_ARGS, type ExportedEntry, own } from "../format/exported-entry.ts";
import { byWriting, type EntryPosition } from "../format/journal-order.ts";
import type { Followed } from "./followed.ts";
import type { HostJournalOptions } from "./host-journal.ts";
import { openJournalFiles, type StartJournalctl, startOnHost } from "./host-journalctl.ts";
import type { JournalFiles } from "./journal-files.ts";
import { mergeFiles } from "./merge-files.ts";

/** Time between two looks at a journal. */
const PAUSE_MS = 1_000;
/** Bound of that time, which doubles as long as reads find entries, but few: to start a read costs more. */
const MAX_PAUSE_MS = 4_000;
const FEW = 1_000;
/** Time after a write in which the next write may leave the file's time as it is. */
const SAME_TIME_MS = 2_000;
/** Bound of the entries that one read sees and can't pass on; the next read has them. */
const MAX_UNSURE = 2_000;
/** Entries that aren't known to be all are held for one look at the files. */
const MAX_HELD = 500;
/** Looks in one read after which the newest entry is read, so that no more of them are needed up to it. */
const MAX_LOOKS = 3;
/** Entries among which the one to go on from is sought. */
const MAX_BEFORE = 2_000;
const NEWEST_ARGS = ["--no-pager", "--quiet", ...EXPORT_ARGS, "--lines=1"];

export interface FollowFilesOptions extends Pick<HostJournalOptions, "at" | "clock"> {
  /** Default: the real one. */
  readonly start?: StartJournalctl | undefined;
  readonly signal: AbortSignal;
}

/**
 * Follows a container's journal by the host's journalctl, which gets the open files, and can't follow
 * those: so it runs again while the files are written to. One run reads all that there is.
 *
 * journald writes the entries of users to files of their own, and begins new files. While files are read,
 * an older entry than those that were read can be in another file. So entries are passed on up to the
 * newest one that was known before the files were opened; later ones only if there is one file, and still
 * is when they are read, or when an even newer one is known. The next read has the rest.
 *
 * @throws HostJournalError if the host's journalctl can't read the files
 */
export async function followFiles(followed: Followed, options: FollowFilesOptions): Promise<void> {
  const { clock, signal } = options;
  let last = { startMs: 0, writtenMs: -1, isDone: false };
  let newest = await newestOf(followed, options);
  let pauseMs = PAUSE_MS;
  for (;;) {
    signal.throwIfAborted();
    const startMs = clock.nowMs();
    let isCut = false;
    let passed: number | undefined;
    {
      using files = open(followed, options);
      const { writtenMs } = files;
      const isIdle = last.writtenMs === writtenMs && last.startMs - writtenMs > SAME_TIME_MS;
      if (!last.isDone || !isIdle) {
        const read = await passOn(files, { ...options, followed, newest });
        newest = read.newest;
        ({ isCut, passed } = read);
        last = { startMs, writtenMs, isDone: read.isDone };
      }
    }
    if (isCut) newest = await newestOf(followed, options);
    else await clock.sleep(pauseMs, signal);
    pauseMs = nextPauseMs(pauseMs, passed);
  }
}

/** @param passed entries of the read; undefined if the journal was idle */
function nextPauseMs(pauseMs: number, passed: number | undefined): number {
  if (passed === undefined || passed >= FEW) return PAUSE_MS;
  return passed === 0 ? pauseMs : Math.min(2 * pauseMs, MAX_PAUSE_MS);
}

/** After a clock was set back, files are older than the newest entry. */
function open(followed: Followed, { at, clock }: FollowFilesOptions): JournalFiles {
  return openJournalFiles(at(), Math.min(followed.timeMs, clock.nowMs()), "all");
}

/** Returns the newest entry of all files; undefined if there is none. */
async function newestOf(
  followed: Followed,
  options: FollowFilesOptions,
): Promise<EntryPosition | undefined> {
  using files = open(followed, options);
  const { start = startOnHost, signal } = options;
  let newest: ExportedEntry | undefined;
  for await (const entries of mergeFiles(files, { start, args: NEWEST_ARGS, signal })) {
    newest = entries.at(-1);
  }
  return newest && positionOf(newest);
}

/** Without the memory of the entries that were read with it. */
function positionOf({ cursor, timeNs }: ExportedEntry): EntryPosition {
  return { cursor: own(cursor), timeNs };
}

interface FilesRead {
  readonly newest: EntryPosition | undefined;
  /** Entries that were passed on. */
  readonly passed: number;
  /** True if every entry that the files had was passed on. */
  readonly isDone: boolean;
  /** True if the files have more. */
  readonly isCut: boolean;
}

interface PassOptions extends FollowFilesOptions {
  readonly followed: Followed;
  /** The newest entry that was known before the files were opened. */
  readonly newest: EntryPosition | undefined;
}

async function passOn(files: JournalFiles, options: PassOptions): Promise<FilesRead> {
  const { start = startOnHost, followed, signal } = options;
  const { args } = followed;
  let { newest } = options;
  // No entry up to this one is missing in the files.
  let known = newest;
  let looks = 0;
  let passed = 0;
  let isAfterGap = false;
  let unsure = 0;
  let held: ExportedEntry[] = [];
  const pass = (entries: readonly ExportedEntry[]): void => {
    followed.pass(entries, isAfterGap);
    passed += entries.length;
    if (entries.length > 0) isAfterGap = false;
  };
  /** Passes on those of the held entries that are sure. */
  const look = async (): Promise<void> => {
    looks += 1;
    const now = looks % MAX_LOOKS === 0 ? await newestOf(followed, options) : known;
    const isSure = isOnly({ ...options, files });
    const sure = isSure ? held : held.slice(0, firstAfter(known, held));
    if (isSure) known = now;
    pass(sure);
    unsure += held.length - sure.length;
    held = [];
  };
  const batches = newEntries(followed, mergeFiles(files, { start, args, signal }));
  for await (const { entries, isKnown } of batches) {
    isAfterGap ||= !isKnown;
    const last = entries.at(-1);
    if (last === undefined) continue;
    if (!isUpTo(newest, last)) newest = positionOf(last);
    if (unsure > 0) unsure += entries.length;
    else if (held.length === 0 && isUpTo(known, last)) pass(entries);
    else {
      for (const entry of entries) held.push(entry);
      if (held.length >= MAX_HELD) await look();
    }
    if (unsure > MAX_UNSURE) return { newest, passed, isDone: false, isCut: true };
  }
  if (held.length > 0) await look();
  return { newest, passed, isDone: unsure === 0, isCut: false };
}

function isUpTo(known: EntryPosition | undefined, entry: EntryPosition): boolean {
  return known !== undefined && byWriting(entry, known) <= 0;
}

/** Returns the index of the first entry that was written after a known one. */
function firstAfter(known: EntryPosition | undefined, entries: readonly ExportedEntry[]): number {
  const found = entries.findIndex((entry) => !isUpTo(known, entry));
  return found < 0 ? entries.length : found;
}

/** The entry to go on from is the first one, save for entries of another journal with an odd time. */
async function* newEntries(
  followed: Followed,
  batches: AsyncIterable<readonly ExportedEntry[]>,
): AsyncGenerator<ReturnType<Followed["after"]>, void> {
  let held: ExportedEntry[] | undefined = [];
  for await (const batch of batches) {
    if (held === undefined) {
      yield { entries: batch, isKnown: true };
      continue;
    }
    held.push(...batch);
    const after = followed.after(held);
    if (!after.isKnown && held.length < MAX_BEFORE) continue;
    held = undefined;
    yield after;
  }
  if (held !== undefined && held.length > 0) yield followed.after(held);
}

/** Returns true if the container has one file, which is the one that is read. */
function isOnly({
  files: { files },
  followed,
  ...options
}: Omit<PassOptions, "newest"> & { readonly files: JournalFiles }): boolean {
  if (files.length !== 1) return false;
  using now = open(followed, options);
  const [own, other] = [files[0]?.stat, now.files[0]?.stat];
  return now.files.length === 1 && own?.ino === other?.ino && own?.dev === other?.dev;
}
