import { closeSync, constants, fstatSync, openSync, statSync, type Stats } from "node:fs";
import { readKernelFile } from "../../platform/process/kernel-file.ts";
import { SocketError } from "./socket-error.ts";

/** Opens a path without any right to what it names. */
const O_PATH = 0x200000;
const FOLDER = O_PATH | constants.O_DIRECTORY;

const MAX_STATUS_BYTES = 64 * 1024;
/** A container can have any number of mounts. */
const MAX_MOUNTS_BYTES = 1024 * 1024;
const CONTAINER_ID = /^[0-9a-f]{64}$/;
/** File systems whose answers can come from a process in the container, and never come. */
const SERVED = /^(?:fuse|9p|afs|autofs|ceph|cifs|coda|gfs2|lustre|nfs|ocfs2|smb|virtiofs)/;
/** File systems, other than the one of the container's root, that can be below it. */
const LOCAL = /^(?:tmpfs|ramfs|ext[234]|xfs|btrfs|zfs|f2fs|bcachefs)$/;

export interface ContainerRootOptions {
  /** Container id. */
  readonly container: string;
  /** Its PID 1, as the engine has it; 0 while that is unknown. */
  readonly pid: number;
  /**
   * Text that begins with the pid and the start of that process, in ticks since the boot, where a look at
   * the host's /proc has found it: that proves then whose it is, and not the id.
   */
  readonly process?: string | undefined;
  /** Folder of the host's processes. Default `/proc`. */
  readonly proc?: string;
}

/** An open file; disposing closes it. */
export class OpenFile implements Disposable {
  readonly fd: number;

  constructor(path: string, flags: number) {
    this.fd = openSync(path, flags);
  }

  /** Leads to the file, whatever its name stands for by now. */
  get path(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  stat(): Stats {
    return fstatSync(this.fd);
  }

  /** Opens the same file with other rights. */
  reopen(flags: number): OpenFile {
    return new OpenFile(this.path, flags);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/**
 * The tree of a container's files, as its PID 1 has it, through the host's /proc. The container isn't
 * trusted: no link in the tree is followed, so that no path leads out of it, and no file system is
 * asked that a process in the container may serve.
 *
 * Everything of the process is read through one open folder, which stays the folder of this process when
 * its pid is another's. All calls are synchronous and touch memory alone.
 */
export class ContainerRoot implements Disposable {
  readonly #files: DisposableStack;
  readonly #process: OpenFile;
  readonly #root: OpenFile;
  readonly #proc: string;
  readonly #rootMount: string;
  readonly #mounts: ReadonlyMap<string, string>;

  /**
   * @throws SocketError if this host has no such process, doesn't show it, or it isn't PID 1 of the
   * container
   */
  static open(options: ContainerRootOptions): ContainerRoot {
    const { pid, proc = "/proc" } = options;
    if (pid <= 0) {
      throw new SocketError("the engine has reported no PID 1 yet", "missing", { isEarly: true });
    }
    using files = new DisposableStack();
    try {
      const process = files.use(new OpenFile(`${proc}/${pid}`, FOLDER));
      const mounts = readKernelFile(`${process.path}/mountinfo`, MAX_MOUNTS_BYTES);
      if (!isOf(process, options, mounts)) {
        const isLasting = true;
        throw new SocketError(`process ${pid} of this host isn't its PID 1`, "missing", {
          isLasting,
        });
      }
      const root = files.use(new OpenFile(`${process.path}/root`, FOLDER));
      if (isHosts(root)) throw new SocketError("its root is the host's", "missing");
      return new ContainerRoot(files.move(), { process, root, mounts: mountTypes(mounts), proc });
    } catch (error) {
      throw pathError(error, `process ${pid} of this host`);
    }
  }

  private constructor(
    files: DisposableStack,
    parts: {
      readonly process: OpenFile;
      readonly root: OpenFile;
      readonly mounts: ReadonlyMap<string, string>;
      readonly proc: string;
    },
  ) {
    this.#files = files;
    this.#process = parts.process;
    this.#root = parts.root;
    this.#mounts = parts.mounts;
    this.#proc = parts.proc;
    this.#rootMount = mountOf(this.#root);
    this.#checkMount(this.#root, "/");
  }

  /** False once the process has ended, though its pid may be another's. */
  get isAlive(): boolean {
    try {
      return readKernelFile(`${this.#process.path}/stat`, MAX_STATUS_BYTES) !== "";
    } catch {
      return false;
    }
  }

  /** True if this user of the host is root in the container. */
  isRootThere(uid: number): boolean {
    return this.hostIdOf(0) === uid;
  }

  /** Returns the user of the host that a user of the container is; undefined if it isn't mapped. */
  hostIdOf(uid: number): number | undefined {
    const map = readKernelFile(`${this.#process.path}/uid_map`, MAX_STATUS_BYTES);
    for (const line of map.split("\n")) {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      if (uid >= inside && uid < inside + count) return outside + (uid - inside);
    }
    return undefined;
  }

  /**
   * Opens a file of any kind below these folders, without a right to its content.
   *
   * @throws SocketError `absent` if it, or a folder, is missing
   */
  open(folders: readonly string[], name: string): OpenFile {
    using opened = new DisposableStack();
    let at = this.#root;
    let path = "";
    try {
      for (const folder of folders) {
        path += `/${folder}`;
        const { path: parent } = at;
        at = opened.use(new OpenFile(`${parent}/${folder}`, FOLDER | constants.O_NOFOLLOW));
        this.#checkMount(at, path);
      }
      path += `/${name}`;
      using kept = new DisposableStack();
      const file = kept.use(new OpenFile(`${at.path}/${name}`, O_PATH | constants.O_NOFOLLOW));
      this.#checkMount(file, path);
      kept.move();
      return file;
    } catch (error) {
      throw pathError(error, path);
    }
  }

  /** True if there is such a file, of any kind. */
  has(folders: readonly string[], name: string): boolean {
    try {
      this.open(folders, name)[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Returns whether a child of PID 1 has this name, of 15 characters at most; `unknown` if the kernel
   * doesn't list children.
   */
  child(name: string): "runs" | "stopped" | "absent" | "unknown" {
    const children = this.#childrenOf(this.#process.path);
    if (children === undefined) return "unknown";
    for (const child of children) {
      const stat = this.#readOf(child, "stat");
      if (stat.startsWith(`${child} (${name}) `)) {
        return stat.startsWith(`${child} (${name}) T`) ? "stopped" : "runs";
      }
    }
    return "absent";
  }

  /**
   * Returns true if a systemd of this user, a child of PID 1, has a child with one of these names;
   * undefined if the kernel doesn't list children.
   *
   * @param uid user of the host
   */
  hasChildOfUser(uid: number, names: ReadonlySet<string>): boolean | undefined {
    const children = this.#childrenOf(this.#process.path);
    return children?.some((child) => {
      if (!this.#readOf(child, "stat").startsWith(`${child} (systemd) `)) return false;
      if (!this.#readOf(child, "status").includes(`\nUid:\t${uid}\t`)) return false;
      return this.#childrenOf(`${this.#proc}/${child}`)?.some((each) =>
        names.has(/^\d+ \(([^)]*)\) [^TZX]/.exec(this.#readOf(each, "stat"))?.[1] ?? ""),
      );
    });
  }

  [Symbol.dispose](): void {
    this.#files.dispose();
  }

  /** Returns the children of a process; undefined if the kernel doesn't list them, or it has ended. */
  #childrenOf(path: string): readonly string[] | undefined {
    try {
      const status = readKernelFile(`${path}/status`, MAX_STATUS_BYTES);
      const own = /^NSpid:\t(\d+)/m.exec(status)?.[1] ?? "";
      const children = readKernelFile(`${path}/task/${own}/children`, MAX_STATUS_BYTES);
      return children.split(" ").filter((child) => child !== "");
    } catch {
      return undefined;
    }
  }

  #readOf(pid: string, file: "stat" | "status"): string {
    try {
      return readKernelFile(`${this.#proc}/${pid}/${file}`, MAX_STATUS_BYTES);
    } catch {
      return "";
    }
  }

  /** @throws SocketError if the container may serve the file system of this file itself */
  #checkMount(file: OpenFile, path: string): void {
    const mount = mountOf(file);
    const type = this.#mounts.get(mount) ?? "unknown";
    const isSafe =
      mount === this.#rootMount ? type !== "unknown" && !SERVED.test(type) : LOCAL.test(type);
    if (isSafe) return;
    // One that wasn't there a moment ago: it boots, or ends.
    const verdict = type === "unknown" ? "broken" : "missing";
    throw new SocketError(`its file ${path} is on a file system ${type}`, verdict);
  }
}

/**
 * True if the process is the first of its pid namespace, and a fact that the engine made names the
 * container: its cgroup, or the files that the engine mounts into it. The pid alone is of any host.
 */
function isOf(
  process: OpenFile,
  { container, pid, process: known }: ContainerRootOptions,
  mounts: string,
): boolean {
  const status = readKernelFile(`${process.path}/status`, MAX_STATUS_BYTES);
  if (!/^NSpid:\t\d+\t(?:\d+\t)*1$/m.test(status)) return false;
  if (known !== undefined) return known.startsWith(`${pid} ${startTicksOf(process)} `);
  if (!CONTAINER_ID.test(container)) return false;
  const cgroups = readKernelFile(`${process.path}/cgroup`, MAX_STATUS_BYTES);
  return cgroups.includes(container) || mounts.includes(`/${container}/`);
}

function startTicksOf(process: OpenFile): string {
  const stat = readKernelFile(`${process.path}/stat`, MAX_STATUS_BYTES);
  // The name before can hold any character.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** True if the folder is the root of the host, as its first process or this one has it. */
function isHosts(root: OpenFile): boolean {
  const { dev, ino } = root.stat();
  return ["/", "/proc/1/root/"].some((path) => {
    try {
      const host = statSync(path);
      return host.dev === dev && host.ino === ino;
    } catch {
      // The first process isn't shown: then its root isn't a container's here.
      return false;
    }
  });
}

/** Returns the type of each mount by its number. */
function mountTypes(mountinfo: string): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  for (const [, id = "", type = ""] of mountinfo.matchAll(/^(\d+) .*? - (\S+) /gm))
    types.set(id, type);
  return types;
}

function mountOf({ fd }: OpenFile): string {
  const info = readKernelFile(`/proc/self/fdinfo/${fd}`, MAX_STATUS_BYTES);
  return /^mnt_id:\t(\d+)$/m.exec(info)?.[1] ?? "";
}

function pathError(cause: unknown, what: string): SocketError {
  if (cause instanceof SocketError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const isProcess = !what.startsWith("/");
  switch (code) {
    case "ENOENT":
      return isProcess
        ? new SocketError(`there is no ${what}`, "missing", { cause, isLasting: true })
        : new SocketError(`there is no ${what}`, "absent", { cause });
    case "ESRCH":
      return new SocketError(`${what} has ended`, "outside", { cause });
    case "ENOTDIR":
    case "ELOOP":
      return new SocketError(`${what} is a link, or no folder`, "missing", { cause });
    case "EMFILE":
    case "ENFILE":
    case "ENOMEM":
      return new SocketError(message, "outside", { cause });
    default:
      return new SocketError(`${what} can't be opened: ${message}`, "missing", {
        cause,
        isLasting: isProcess,
      });
  }
}
