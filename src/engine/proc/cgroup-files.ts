import { existsSync, type FSWatcher, watch } from "node:fs";
import { keyedNumber } from "../format/keyed-number.ts";
import { foldersIn } from "./cgroup-tree.ts";
import type { Hierarchy } from "./hierarchy.ts";
import { kernelFile } from "./host-process.ts";

/** Facts that the kernel has of a container's cgroup; undefined for those that this host doesn't have. */
export interface CgroupFacts {
  /** True if it has processes, at any depth. */
  readonly isPopulated: boolean | undefined;
  readonly isFrozen: boolean | undefined;
  /** Processes of it that were killed for their memory, since it was made. */
  readonly oomKills: number | undefined;
}

/** Cgroups below a container's that are looked at for its first process, and processes in one. */
const MAX_FOLDERS = 64;
const MAX_PIDS = 256;
const INIT_SCOPE = "init.scope";
const PROCS = "cgroup.procs";
const EVENTS = "cgroup.events";
const MEMORY_EVENTS = "memory.events";
const FREEZER_STATE = "freezer.state";

/**
 * The files of one container's cgroup. They are watched: the kernel reports each change of what
 * {@link read} returns (but for cgroup v1, which reports no end and no OOM kill), each process that is
 * put into the cgroup by its file, and each cgroup that is made right below, as systemd does first of all.
 */
export class CgroupFiles implements Disposable {
  readonly #hierarchy: Hierarchy;
  readonly #changed: () => void;
  readonly #watchers: FSWatcher[] = [];
  #path: string;
  #isRefused = false;
  #isForeign = false;

  /** @param path of the cgroup, below the hierarchy's root */
  constructor(hierarchy: Hierarchy, path: string, changed: () => void) {
    this.#hierarchy = hierarchy;
    this.#path = path;
    this.#changed = changed;
    const { root, version, freezer, unified } = hierarchy;
    this.#watch(`${root}${path}`);
    if (version === 2) {
      this.#watch(`${root}${path}/${EVENTS}`);
      this.#watch(`${root}${path}/${MEMORY_EVENTS}`);
      return;
    }
    if (freezer !== undefined) this.#watch(`${freezer}${path}/${FREEZER_STATE}`);
    if (unified !== undefined) this.#watch(`${unified}${path}/${EVENTS}`);
  }

  /** True if the kernel allows no more watches: changes come with the next look. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** True if a process was listed that this pid namespace doesn't show. */
  get isForeign(): boolean {
    return this.#isForeign;
  }

  /** True if the kernel can report OOM kills. */
  get reportsOom(): boolean {
    return this.#hierarchy.version === 2 && existsSync(`${this.#folder}/${MEMORY_EVENTS}`);
  }

  /** True if systemd has made the cgroup of its own process. */
  get hasInitScope(): boolean {
    return existsSync(`${this.#folder}/${INIT_SCOPE}`);
  }

  /** Takes the name that the cgroup has now. */
  rename(path: string): void {
    this.#path = path;
  }

  read(): CgroupFacts {
    const { version } = this.#hierarchy;
    const events = version === 2 ? this.#file(EVENTS) : undefined;
    const memory = version === 2 ? this.#file(MEMORY_EVENTS) : undefined;
    const oomKills = keyedNumber(memory, "oom_kill");
    if (version === 2) {
      return {
        isPopulated: flagIn(events, "populated"),
        isFrozen: flagIn(events, "frozen"),
        oomKills,
      };
    }
    const { freezer, unified } = this.#hierarchy;
    const state = freezer && kernelFile(`${freezer}${this.#path}/${FREEZER_STATE}`)?.trim();
    const beside = unified && kernelFile(`${unified}${this.#path}/${EVENTS}`);
    // It may be empty all the time: only some runtimes use it.
    const isPopulated = flagIn(beside, "populated") === true ? true : undefined;
    return {
      isPopulated,
      isFrozen: state === undefined ? undefined : state !== "THAWED",
      oomKills,
    };
  }

  /** Yields the pids of its processes, those first that can be its first process: systemd's, then all. */
  *pids(): Generator<number, void, void> {
    const folders = ["", `/${INIT_SCOPE}`];
    const seen = new Set(folders);
    for (let at = 0; at < folders.length && at < MAX_FOLDERS; at += 1) {
      const folder = folders[at] ?? "";
      const listed = this.#file(`${folder.slice(1)}${folder === "" ? "" : "/"}${PROCS}`) ?? "";
      for (const line of listed.split("\n", MAX_PIDS)) {
        const pid = Number(line);
        // 0 stands for a process of another pid namespace.
        if (line === "0") this.#isForeign = true;
        else if (line !== "") yield pid;
      }
      if (at === 0 || folders.length >= MAX_FOLDERS) continue;
      for (const parent of at === 1 ? ["", folder] : [folder]) {
        for (const name of foldersIn(`${this.#folder}${parent}`)) {
          const path = `${parent}/${name}`;
          if (!seen.has(path)) folders.push(path);
          seen.add(path);
        }
      }
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.length = 0;
  }

  get #folder(): string {
    return `${this.#hierarchy.root}${this.#path}`;
  }

  #file(name: string): string | undefined {
    return kernelFile(`${this.#folder}/${name}`);
  }

  #watch(path: string): void {
    try {
      const watcher = watch(path, { persistent: false }, () => this.#changed());
      watcher.on("error", () => {});
      this.#watchers.push(watcher);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOSPC" || code === "EMFILE") this.#isRefused = true;
    }
  }
}

function flagIn(text: string | undefined, name: string): boolean | undefined {
  const number = keyedNumber(text, name);
  return number === undefined ? undefined : number !== 0;
}
