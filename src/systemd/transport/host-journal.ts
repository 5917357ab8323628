import type { Clock } from "../../domain/clock.ts";
import type { JournalEntry } from "../../domain/systemd.ts";
import {
  entriesIn,
  JOURNAL_LIMIT_MS,
  journalArgs,
  JournalError,
  MAX_JOURNAL_BYTES,
} from "../format/journal.ts";
import type { ReadJournal } from "../session/journal-recovery.ts";
import { ContainerRoot, type ContainerRootOptions } from "./container-root.ts";
import {
  HostJournalError,
  openJournalFiles,
  type RunJournalctl,
  runOnHost,
} from "./host-journalctl.ts";
import type { JournalsOf } from "./journal-files.ts";

/** Time without a write after which journald has written what it had received. */
const QUIET_MS = 60;
const PAUSE_MS = 20;
/** Time after which a journal that is written to all the time is read. */
const BUSY_LIMIT_MS = 1_000;
/** Time in which such a journal has to show an entry from after the first look. */
const LAG_LIMIT_MS = 4_000;
const JOURNALD = "systemd-journal";

export interface HostJournalOptions {
  /** Returns where the container's PID 1 is. */
  readonly at: () => ContainerRootOptions;
  readonly clock: Clock;
  /** User whose manager wrote the entries. Default: PID 1 did. */
  readonly user?: string | undefined;
  /** Default: the real one. */
  readonly run?: RunJournalctl;
}

/**
 * Returns a reader of a container's journal by the host's journalctl, which gets the open files: nothing
 * runs in the container, and no path of it is followed.
 *
 * Nothing here can have journald write what it has received. So the reader waits until it has written
 * nothing for a moment, or has written an entry from after the reader's first look.
 */
export function hostJournal({ at, clock, user, run = runOnHost }: HostJournalOptions): ReadJournal {
  return async ({ sinceNs, signal: end }) => {
    const signal = AbortSignal.any([end, AbortSignal.timeout(JOURNAL_LIMIT_MS)]);
    const startNs = clock.nowNs();
    const startMs = clock.monotonicMs();
    for (;;) {
      const journald = childOf(at(), JOURNALD);
      if (journald === "stopped") throw new Error("journald is stopped");
      const isQuiet = await untilQuiet({ at, clock, signal, sinceNs, user });
      const entries = await readOnce({ at, clock, run, signal, sinceNs, user });
      const newestNs = entries.at(-1)?.timeNs ?? 0n;
      const isLate = clock.monotonicMs() - startMs >= LAG_LIMIT_MS;
      if (isQuiet || newestNs >= startNs || isLate) {
        // An empty journal shows nothing then.
        if (entries.length === 0 && journald === "absent") {
          throw new JournalError("no journald runs", false);
        }
        return entries;
      }
    }
  };
}

/** Reading of a container's journal files. */
export interface Reading extends Pick<HostJournalOptions, "at" | "clock" | "user"> {
  readonly sinceNs: bigint;
  readonly signal: AbortSignal;
}

/** Waits until nothing was written for a moment. Resolves to false if that takes too long. */
export async function untilQuiet({ at, clock, sinceNs, signal, user }: Reading): Promise<boolean> {
  const startMs = clock.monotonicMs();
  for (let upMs = 0; upMs < BUSY_LIMIT_MS; upMs = clock.monotonicMs() - startMs) {
    if (Math.min(upMs, clock.nowMs() - writtenMs(at(), sinceNs, user)) >= QUIET_MS) return true;
    await clock.sleep(PAUSE_MS, signal);
  }
  return false;
}

function writtenMs(at: ContainerRootOptions, sinceNs: bigint, user: string | undefined): number {
  using files = openJournalFiles(at, Number(sinceNs / 1_000_000n), journalsOf(user));
  return files.writtenMs;
}

/** An entry of a user's manager is in the system's journal, or in one of the user's on disk. */
function journalsOf(user: string | undefined): JournalsOf {
  return user === undefined ? "system" : { user };
}

async function readOnce({
  at,
  clock,
  run,
  sinceNs,
  signal,
  user,
}: Reading & Required<Pick<HostJournalOptions, "run">>): Promise<readonly JournalEntry[]> {
  using files = openJournalFiles(at(), Number(sinceNs / 1_000_000n), journalsOf(user));
  const entries: JournalEntry[] = [];
  for (const { file } of files.files) {
    const output = await run(file, journalArgs(sinceNs, user), {
      maxBytes: MAX_JOURNAL_BYTES,
      signal,
    });
    try {
      entries.push(...entriesIn(output, { sinceNs, clock, user }));
    } catch (cause) {
      // Such as a file of a newer systemd.
      throw new HostJournalError(`the host's ${String(cause)}`, { cause });
    }
  }
  return entries;
}

function childOf(at: ContainerRootOptions, name: string): ReturnType<ContainerRoot["child"]> {
  using root = ContainerRoot.open(at);
  return root.child(name);
}
