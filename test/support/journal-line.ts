import type { JournalLine } from "../../src/domain/journal.ts";

/** Returns a line of a run's own process, with these values in place of the usual ones. */
export function journalLine(message: string, more: Partial<JournalLine> = {}): JournalLine {
  return {
    timeNs: 1_796_090_052_226_339_000n,
    message,
    priority: 6,
    pid: 151,
    identifier: "app",
    invocationId: "",
    cursor: "",
    isFailure: false,
    isAltered: false,
    ...more,
  };
}
