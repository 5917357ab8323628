import type { ExportedEntry } from "../format/exported-entry.ts";
import { byWriting } from "../format/journal-order.ts";
import { exportBatches, type StartJournalctl } from "./host-journalctl.ts";
import type { JournalFiles } from "./journal-files.ts";

interface MergeOptions {
  readonly start: StartJournalctl;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
}

/** A file's entries that are read and not merged yet. */
interface Source {
  readonly batches: AsyncGenerator<readonly ExportedEntry[], void>;
  batch: readonly ExportedEntry[];
  at: number;
}

/**
 * Reads entries of journal files in the order in which they were written, in batches: one journalctl a
 * file, each of which waits while its entries aren't taken.
 *
 * @throws HostJournalError if a journalctl fails
 */
export async function* mergeFiles(
  { files }: JournalFiles,
  { start, args, signal }: MergeOptions,
): AsyncGenerator<readonly ExportedEntry[], void> {
  const end = new AbortController();
  const options = { args, signal: AbortSignal.any([signal, end.signal]) };
  const all = files.map(({ file }): Source => ({
    batches: exportBatches(start, file, options),
    batch: [],
    at: 0,
  }));
  try {
    let open = await filled(all);
    for (;;) {
      const [first, second] = open.toSorted((one, other) => byWriting(headOf(one), headOf(other)));
      if (first === undefined) return;
      const until = second === undefined ? first.batch.length : endBefore(first, headOf(second));
      yield first.batch.slice(first.at, until);
      first.at = until;
      if (until === first.batch.length) open = await filled(open);
    }
  } finally {
    end.abort(new Error("the read ends"));
    await Promise.allSettled(all.map(({ batches }) => batches.return()));
  }
}

/** Returns the sources that have entries, once the next ones of each are read. */
async function filled(sources: readonly Source[]): Promise<readonly Source[]> {
  const have = await Promise.all(
    sources.map(async (source) => {
      if (source.at < source.batch.length) return true;
      const { done, value } = await source.batches.next();
      if (done === true) return false;
      source.batch = value;
      source.at = 0;
      return true;
    }),
  );
  return sources.filter((_, index) => have[index]);
}

function headOf({ batch, at }: Source): ExportedEntry {
  const { [at]: head } = batch;
  if (head === undefined) throw new Error("a source without entries");
  return head;
}

/** Returns the index after the entries that come before another file's next one; at least one does. */
function endBefore({ batch, at }: Source, next: ExportedEntry): number {
  const last = batch.at(-1);
  if (last !== undefined && byWriting(last, next) <= 0) return batch.length;
  const found = batch.findIndex((entry, index) => index > at && byWriting(entry, next) > 0);
  return found < 0 ? batch.length : found;
}
