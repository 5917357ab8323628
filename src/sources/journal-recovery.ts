import type { SystemdSink } from "../domain/systemd.ts";
import { readJournal } from "./journal.ts";
import type { JournalQuery } from "./journal.ts";

/** Tells the sink what its journal says of the gap before a stream stood, if there was one. */
export async function recoverFromJournal(
  sink: SystemdSink,
  query: Omit<JournalQuery, "sinceNs"> & { readonly sinceNs: bigint | undefined },
): Promise<void> {
  const { sinceNs, signal } = query;
  if (sinceNs === undefined) {
    sink.recovered([]);
    return;
  }
  let entries;
  try {
    entries = await readJournal({ ...query, sinceNs });
  } catch {
    // A container without a journal is one to be watched all the same: the sink tells of it.
    signal.throwIfAborted();
  }
  sink.recovered(entries);
}
