import { constants, opendirSync, type Stats } from "node:fs";
import { ContainerRoot, type ContainerRootOptions, type OpenFile } from "./container-root.ts";
import { SocketError } from "./socket-error.ts";

/** Folders of journals: in memory until the boot has mounted the disk, then on it. */
const FOLDERS = [
  ["run", "log", "journal"],
  ["var", "log", "journal"],
];
const MACHINE_ID = /^[0-9a-f]{32}$/;
const ARCHIVED = String.raw`(?:@[0-9a-f]+-[0-9a-f]+(?:-[0-9a-f]+)?)?\.journal~?$`;
/** PID 1 writes into the system's journal alone. */
const SYSTEM_FILE = new RegExp(`^system${ARCHIVED}`);
/** Services that run as a user of the range for people write into a journal of that user's. */
const ANY_FILE = new RegExp(`^(?:system|user-\\d{1,10})${ARCHIVED}`);
/** Which journals: the system's; the system's and that of one user, by its id; or all. */
export type JournalsOf = "system" | "all" | { readonly user: string };

function patternOf(of: JournalsOf): RegExp {
  if (of === "system") return SYSTEM_FILE;
  return of === "all" ? ANY_FILE : new RegExp(`^(?:system|user-${of.user})${ARCHIVED}`);
}

/** A container can have any number of files in any folder. */
const MAX_NAMES = 2_000;
const MAX_MACHINES = 4;
const MAX_FILES = 16;
/** Lists of the files until two are the same. */
const MAX_LISTS = 3;
/** Time by which a file's own time may be behind its last entry. */
const MARGIN_MS = 60_000;

/** A journal file that is open. */
export interface JournalFile {
  readonly file: OpenFile;
  readonly stat: Stats;
}

/** The container's journal files with entries from a time on, the oldest first. Disposing closes them. */
export class JournalFiles implements Disposable {
  readonly files: readonly JournalFile[];
  readonly #open: DisposableStack;

  /**
   * @param sinceMs Unix milliseconds
   * @throws SocketError if the container's tree can't be read, or has too many files
   */
  static open(
    options: ContainerRootOptions,
    sinceMs: number,
    of: JournalsOf = "system",
  ): JournalFiles {
    using root = ContainerRoot.open(options);
    for (let times = 1; ; times += 1) {
      const paths = pathsIn(root, of);
      using open = new DisposableStack();
      const found = opened(root, paths, { sinceMs, open });
      // journald renames a file when it begins a new one: between the two, it can have both names or none.
      const isSame = of !== "all" || pathsIn(root, of).join("/") === paths.join("/");
      if (isSame || times === MAX_LISTS) return new JournalFiles(found, open.move());
    }
  }

  private constructor(found: readonly JournalFile[], open: DisposableStack) {
    this.files = found.toSorted((one, other) => one.stat.mtimeMs - other.stat.mtimeMs);
    this.#open = open;
  }

  /** Time of the last write: Unix milliseconds; 0 without files. */
  get writtenMs(): number {
    return this.files.at(-1)?.stat.mtimeMs ?? 0;
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
  }
}

type Path = readonly string[];

function pathsIn(root: ContainerRoot, of: JournalsOf): readonly Path[] {
  const pattern = patternOf(of);
  const paths: Path[] = [];
  for (const folders of FOLDERS) {
    for (const machine of namesIn(root, folders, MACHINE_ID).slice(0, MAX_MACHINES)) {
      const folder = [...folders, machine];
      for (const name of namesIn(root, folder, pattern)) paths.push([...folder, name]);
    }
  }
  return paths;
}

/** @throws SocketError if too many were written since */
function opened(
  root: ContainerRoot,
  paths: readonly Path[],
  { sinceMs, open }: { readonly sinceMs: number; readonly open: DisposableStack },
): readonly JournalFile[] {
  const found: JournalFile[] = [];
  for (const parts of paths) {
    using path = tryOpen(root, parts.slice(0, -1), parts.at(-1) ?? "");
    const stat = path?.stat();
    if (path === undefined || stat?.isFile() !== true) continue;
    if (stat.mtimeMs < sinceMs - MARGIN_MS) continue;
    if (found.some((other) => other.stat.ino === stat.ino && other.stat.dev === stat.dev)) continue;
    if (found.length === MAX_FILES) throw new SocketError("too many journal files", "broken");
    found.push({ file: open.use(path.reopen(constants.O_RDONLY)), stat });
  }
  return found;
}

/** Returns the names in a folder that match; none if there is no such folder. */
function namesIn(
  root: ContainerRoot,
  folders: readonly string[],
  pattern: RegExp,
): readonly string[] {
  const name = folders.at(-1) ?? "";
  using folder = tryOpen(root, folders.slice(0, -1), name);
  if (folder?.stat().isDirectory() !== true) return [];
  const matching: string[] = [];
  const entries = opendirSync(folder.path);
  try {
    for (let count = 0; count < MAX_NAMES; count += 1) {
      const entry = entries.readSync();
      if (entry === null) return matching;
      if (pattern.test(entry.name)) matching.push(entry.name);
    }
  } finally {
    entries.closeSync();
  }
  throw new SocketError("too many files in a folder of journals", "broken");
}

/** Opens a path without a right to its content; returns undefined if it is absent. */
function tryOpen(
  root: ContainerRoot,
  folders: readonly string[],
  name: string,
): OpenFile | undefined {
  try {
    return root.open(folders, name);
  } catch (error) {
    if (error instanceof SocketError && error.verdict === "absent") return undefined;
    throw error;
  }
}
