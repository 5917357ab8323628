import { writeSync } from "node:fs";
import { asError } from "../data/as-error.ts";
import { endProcess } from "./end-process.ts";

/** Id of the user nobody, and of its group: it owns nothing. */
export const UNPRIVILEGED_ID = 65_534;

/** The ids of this process, as far as they decide what it may open. */
export interface ProcessIds {
  geteuid(): number;
  getegid(): number;
  getgroups(): number[];
  seteuid(id: number): void;
  setegid(id: number): void;
  setgroups(groups: readonly number[]): void;
}

export interface UnprivilegedOptions {
  /** User id for the work. Default: {@link UNPRIVILEGED_ID}. */
  readonly uid?: number;
  /** Default: of this process. */
  readonly ids?: ProcessIds;
  /** Returns the kinds of the requests under way. Default: those of this process. */
  readonly requests?: () => readonly string[];
  /** Ends the process. Default: at once, with a line on stderr. */
  readonly fatal?: (error: Error) => never;
}

/** Requests to open or read files, which other threads run. */
const FILE_REQUEST = /^FSReq/;
const PAUSE_MS = 1;
const MAX_PAUSES = 1_000;

/** True if this process is root, so that {@link unprivileged} has to change that. */
export function isRoot(ids: Pick<ProcessIds, "geteuid"> = ownIds()): boolean {
  return ids.geteuid() === 0;
}

/**
 * Runs `work` as user nobody, or as another one with the group of nobody, without supplementary groups,
 * and becomes root again. If this process isn't root, `work` runs as its user.
 *
 * The ids are those of all threads. So `work` runs when no thread has a file to open for this one, and it
 * is synchronous: nothing else runs meanwhile. A process that can't become root again ends.
 *
 * @throws what `work` throws; Error if the ids can't be changed, or files are being opened all the time
 */
export async function unprivileged<T>(
  work: () => T,
  options: UnprivilegedOptions = {},
): Promise<T> {
  const { ids = ownIds(), requests = () => process.getActiveResourcesInfo() } = options;
  const { uid: wanted = UNPRIVILEGED_ID } = options;
  if (!isRoot(ids)) return work();
  for (let pauses = 0; requests().some((kind) => FILE_REQUEST.test(kind)); pauses += 1) {
    if (pauses === MAX_PAUSES) throw new Error("another thread opens files all the time");
    await new Promise((resolve) => void setTimeout(resolve, PAUSE_MS));
  }
  const uid = ids.geteuid();
  const gid = ids.getegid();
  const groups = ids.getgroups();
  // Only changes are undone: others might not be permitted.
  const undo: (() => void)[] = [];
  try {
    ids.setgroups([]);
    undo.push(() => ids.setgroups(groups));
    ids.setegid(UNPRIVILEGED_ID);
    undo.push(() => ids.setegid(gid));
    ids.seteuid(wanted);
    undo.push(() => ids.seteuid(uid));
    return work();
  } finally {
    // The user first: only root may change the others.
    const error = failureOf(() => undo.toReversed().forEach((step) => step()));
    const isBack = ids.geteuid() === uid && ids.getegid() === gid;
    if (error !== undefined || !isBack) {
      const why = error?.message ?? "the ids haven't changed";
      (options.fatal ?? endAtOnce)(new Error(`can't become root again: ${why}`));
    }
  }
}

function failureOf(work: () => void): Error | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return asError(error);
  }
}

function endAtOnce(error: Error): never {
  writeSync(process.stderr.fd, `unitwatch ends: ${error.message}\n`);
  return endProcess(1);
}

/** @throws Error where users have no numbers, as on Windows */
function ownIds(): ProcessIds {
  const { geteuid, getegid, getgroups, seteuid, setegid, setgroups } = process;
  if (!geteuid || !getegid || !getgroups || !seteuid || !setegid || !setgroups) {
    throw new Error("this system has no user ids");
  }
  return {
    geteuid,
    getegid,
    getgroups,
    seteuid,
    setegid,
    setgroups: (groups) => setgroups([...groups]),
  };
}
