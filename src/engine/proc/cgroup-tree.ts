import { type FSWatcher, lstatSync, opendirSync, watch } from "node:fs";

/** Called for the cgroups of a host as they come and go. Calls are synchronous, and parents come first. */
export interface TreeListener {
  /**
   * Takes a cgroup that is there. Returns true if it is a container's: what is below isn't looked at
   * then.
   */
  appeared(path: string): boolean;
  /** Takes the end of a container's cgroup. */
  vanished(path: string): void;
  /** Takes that a container's cgroup has another name than the one that it appeared with. */
  renamed(path: string, to: string): void;
  /** Takes that a cgroup isn't watched, because of a bound or of the kernel's. */
  refused(path: string): void;
}

export interface TreeLimits {
  /** Cgroups that are watched for others below. */
  readonly maxFolders: number;
  /** The same for all cgroups that users other than root can make. */
  readonly maxUserFolders: number;
  readonly maxDepth: number;
}

const LIMITS: TreeLimits = { maxFolders: 4_096, maxUserFolders: 1_024, maxDepth: 12 };
/** Entries of one folder: files of the kernel, and cgroups. */
const MAX_ENTRIES = 10_000;
/** systemd gives this cgroup to a user, who makes others in it. */
const OF_USER = /\/user@\d+\.service(?:\/|$)/;

/** A cgroup. */
interface Node {
  /** Number of its folder, which stays when it is renamed. */
  readonly inode: number;
  readonly isContainer: boolean;
  /** Watches what is made in it; undefined for a container's, and if it is refused. */
  readonly watcher?: FSWatcher | undefined;
  /** By name. */
  readonly children: Map<string, Node>;
}

/**
 * Follows the tree of cgroups by inotify: all of it but what is below a container. The kernel reports what is
 * made, removed or renamed; nothing is polled.
 */
export class CgroupTree implements Disposable {
  readonly #root: string;
  readonly #listener: TreeListener;
  readonly #limits: TreeLimits;
  #folders = 0;
  #userFolders = 0;
  #top: Node | undefined;

  /** @param root folder of the hierarchy's root */
  constructor(root: string, listener: TreeListener, limits: Partial<TreeLimits> = {}) {
    this.#root = root;
    this.#listener = listener;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Begins: every cgroup that is there appears before this returns. @throws if the root is unreadable */
  open(): void {
    const { ino } = lstatSync(this.#root);
    const watcher = watchFolder(this.#root, (name) => this.#happened("", name));
    this.#folders = 1;
    this.#top = { inode: ino, isContainer: false, watcher, children: new Map() };
    this.#compare("", this.#top);
  }

  /** Compares the whole tree with what is known: the kernel drops reports when too many are pending. */
  rescan(): void {
    if (this.#top !== undefined) this.#compareAll("", this.#top);
  }

  [Symbol.dispose](): void {
    if (this.#top !== undefined) this.#close(this.#top);
    this.#top = undefined;
  }

  #compareAll(path: string, node: Node): void {
    this.#compare(path, node);
    for (const [name, child] of node.children) {
      if (!child.isContainer) this.#compareAll(`${path}/${name}`, child);
    }
  }

  #happened(path: string, name: string | null): void {
    const node = this.#find(path);
    if (node === undefined) return;
    if (name === null) this.#compare(path, node);
    else this.#check(path, node, name);
  }

  #find(path: string): Node | undefined {
    let node = this.#top;
    for (const name of path.split("/").slice(1)) node = node?.children.get(name);
    return node;
  }

  /** Compares the children of a cgroup with what is known. */
  #compare(path: string, node: Node): void {
    const names = new Set(foldersIn(`${this.#root}${path}`));
    for (const name of node.children.keys()) {
      if (!names.has(name)) this.#check(path, node, name);
    }
    for (const name of names) this.#check(path, node, name);
  }

  #check(parent: string, node: Node, name: string): void {
    const path = `${parent}/${name}`;
    const stat = lstatSync(`${this.#root}${path}`, { throwIfNoEntry: false });
    const inode = stat?.isDirectory() === true ? stat.ino : undefined;
    const known = node.children.get(name);
    if (known?.inode === inode) return;
    if (known !== undefined) {
      node.children.delete(name);
      const to = this.#newNameOf(parent, node, known);
      if (to === undefined) this.#removed(path, known);
      else {
        node.children.set(to, known);
        if (known.isContainer) this.#listener.renamed(path, `${parent}/${to}`);
        // All below has other paths now.
        else {
          node.children.delete(to);
          this.#removed(path, known);
          this.#check(parent, node, to);
        }
      }
    }
    if (inode !== undefined && !node.children.has(name)) this.#added(path, { node, name, inode });
  }

  /** Returns the name that a cgroup, which its old name doesn't lead to, has in the same parent. */
  #newNameOf(parent: string, node: Node, known: Node): string | undefined {
    for (const name of foldersIn(`${this.#root}${parent}`)) {
      if (node.children.has(name)) continue;
      const stat = lstatSync(`${this.#root}${parent}/${name}`, { throwIfNoEntry: false });
      if (stat?.ino === known.inode) return name;
    }
    return undefined;
  }

  #added(
    path: string,
    { node, name, inode }: { readonly node: Node; readonly name: string; readonly inode: number },
  ): void {
    const isContainer = this.#listener.appeared(path);
    const watcher = isContainer ? undefined : this.#watch(path);
    const child: Node = { inode, isContainer, watcher, children: new Map() };
    node.children.set(name, child);
    // A cgroup that was made before the watch shows now.
    if (watcher !== undefined) this.#compare(path, child);
  }

  #watch(path: string): FSWatcher | undefined {
    const isOfUser = OF_USER.test(path);
    const { maxFolders, maxUserFolders, maxDepth } = this.#limits;
    const isFull = this.#folders >= maxFolders || (isOfUser && this.#userFolders >= maxUserFolders);
    if (isFull || path.split("/").length > maxDepth) {
      this.#listener.refused(path);
      return undefined;
    }
    try {
      const watcher = watchFolder(`${this.#root}${path}`, (name) => this.#happened(path, name));
      this.#folders += 1;
      if (isOfUser) this.#userFolders += 1;
      return watcher;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#listener.refused(path);
      return undefined;
    }
  }

  #removed(path: string, node: Node): void {
    for (const [name, child] of node.children) this.#removed(`${path}/${name}`, child);
    node.children.clear();
    if (node.watcher !== undefined) {
      node.watcher.close();
      this.#folders -= 1;
      if (OF_USER.test(path)) this.#userFolders -= 1;
    }
    if (node.isContainer) this.#listener.vanished(path);
  }

  #close(node: Node): void {
    node.watcher?.close();
    for (const child of node.children.values()) this.#close(child);
  }
}

/** Watches what is made in a folder, and what is removed or renamed; writes to files don't matter. */
function watchFolder(folder: string, happened: (name: string | null) => void): FSWatcher {
  const watcher = watch(folder, { persistent: false }, (event, name) => {
    if (event === "rename") happened(name);
  });
  // A folder that is removed ends its watch; its parent's shows that.
  watcher.on("error", () => {});
  return watcher;
}

/** Returns the names of the folders in a folder; none if it is gone. */
export function foldersIn(folder: string): readonly string[] {
  const names: string[] = [];
  try {
    const entries = opendirSync(folder);
    try {
      for (let count = 0; count < MAX_ENTRIES; count += 1) {
        const entry = entries.readSync();
        if (entry === null) break;
        if (entry.isDirectory()) names.push(entry.name);
      }
    } finally {
      entries.closeSync();
    }
  } catch {
    // It was removed meanwhile.
  }
  return names;
}
