import { readlinkSync } from "node:fs";
import { readKernelFile } from "../../platform/process/kernel-file.ts";

const MAX_FILE_BYTES = 64 * 1024;
/** The kernel counts times of processes in these ticks: USER_HZ, the same on all of Linux. */
const TICKS_PER_SECOND = 100n;
const NS_PER_TICK = 1_000_000_000n / TICKS_PER_SECOND;
const SYSTEMD = "systemd";
/** Names of programs that become the container's first process, or are about to. */
const RUNTIME_INIT = /^(?:runc(?:|:\[.*)|crun|youki|lxc-start|lxc-execute|systemd-nspawn|\(sd-.*)$/;
/** Their files. runc and crun execute a copy of themselves in memory, whose process has a number as its name. */
const RUNTIME_FILE =
  /^(?:\/memfd:(?:runc|crun)[^/]*|.*\/(?:runc|crun|youki|lxc-start|lxc-execute|systemd-nspawn))(?:$|:| \(deleted\)$)/;
/** A runtime that stays beside the first process, in the same cgroup. */
const SUPERVISOR_FILE = /\/systemd-nspawn(?: \(deleted\))?$/;

/** A process of the host. */
export interface HostProcess {
  readonly pid: number;
  /** Its parent; 0 if that isn't in this pid namespace. */
  readonly parent: number;
  /** Name of its program, as it calls itself: at most 15 characters. */
  readonly comm: string;
  /** Start in ticks since the boot: with the pid it names the process for good. */
  readonly startTicks: bigint;
  /** Its pids, from this pid namespace to its own. */
  readonly pids: readonly number[];
}

/** The host's processes, through its /proc. It reads no file for which the kernel reads a process's memory. */
export class HostProcesses {
  readonly #proc: string;
  readonly #nowNs: () => bigint;

  /** @param nowNs returns the present: Unix nanoseconds */
  constructor(nowNs: () => bigint, proc = "/proc") {
    this.#proc = proc;
    this.#nowNs = nowNs;
  }

  /** Id of this boot: pids and ticks are of one boot alone. */
  get bootId(): string {
    return this.#read("sys/kernel/random/boot_id")?.trim() ?? "";
  }

  /** Returns the process; undefined if it has ended. */
  find(pid: number): HostProcess | undefined {
    const stat = this.#read(`${pid}/stat`);
    const status = this.#read(`${pid}/status`);
    if (stat === undefined || status === undefined) return undefined;
    // The name can hold any character, such as a bracket.
    const end = stat.lastIndexOf(")");
    const fields = stat.slice(end + 2).split(" ");
    const [, parent = "0"] = fields;
    const [, pids = ""] = /^NSpid:\t(.*)$/m.exec(status) ?? [];
    // A zombie has no files left, and isn't the container any more.
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return {
      pid,
      parent: Number(parent),
      comm: stat.slice(stat.indexOf("(") + 1, end),
      startTicks: BigInt(fields[19] ?? "0"),
      pids: pids.split("\t").map(Number),
    };
  }

  /**
   * Returns when the process was started: Unix nanoseconds by the present setting of the clock, exact to
   * 20 ms.
   */
  startedAtNs({ startTicks }: HostProcess): bigint {
    const [seconds = "0", hundredths = "0"] =
      /^(\d+)\.(\d\d)/.exec(this.#read("uptime") ?? "")?.slice(1) ?? [];
    const upNs = (BigInt(seconds) * TICKS_PER_SECOND + BigInt(hundredths)) * NS_PER_TICK;
    const ageNs = upNs - startTicks * NS_PER_TICK;
    return this.#nowNs() - (ageNs > 0n ? ageNs : 0n);
  }

  /** True if the process is systemd, by the name of its program's file. */
  isSystemd(process: HostProcess): boolean {
    const file = (this.#fileOf(process) ?? "").replace(/ \(deleted\)$/, "");
    return file.slice(file.lastIndexOf("/") + 1) === SYSTEMD;
  }

  /** True if this process has the right to see what the other one executes, or it has ended. */
  isReadable(process: HostProcess): boolean {
    return this.#fileOf(process) !== undefined;
  }

  /** True while a runtime has yet to execute the container's own program. */
  isEntering(process: HostProcess): boolean {
    return RUNTIME_INIT.test(process.comm) || RUNTIME_FILE.test(this.#fileOf(process) ?? "");
  }

  /** True if it starts and awaits the container's first process, and never becomes it. */
  isSupervisor(process: HostProcess): boolean {
    return process.pids.length === 1 && SUPERVISOR_FILE.test(this.#fileOf(process) ?? "");
  }

  /** Returns the arguments of a process that the host is known to have started: never of a container. */
  argumentsOf({ pid }: HostProcess): readonly string[] {
    return (this.#read(`${pid}/cmdline`) ?? "").split("\0");
  }

  /** True if root of the host runs the process. */
  isRoot({ pid }: HostProcess): boolean {
    const status = this.#read(`${pid}/status`) ?? "";
    return /^Uid:\t0\t0\t0\t0$/m.test(status);
  }

  /** Folder of the process's files: `cwd`, `root`. */
  folder({ pid }: HostProcess): string {
    return `${this.#proc}/${pid}`;
  }

  /** Returns the path of its program; "" if it has ended, undefined without the right to read it. */
  #fileOf({ pid }: HostProcess): string | undefined {
    try {
      return readlinkSync(`${this.#proc}/${pid}/exe`);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === "EACCES" || code === "EPERM" ? undefined : "";
    }
  }

  #read(name: string): string | undefined {
    return kernelFile(`${this.#proc}/${name}`);
  }
}

/** Returns a file of the kernel, or the beginning of it; undefined if it can't be read. */
export function kernelFile(path: string): string | undefined {
  try {
    return readKernelFile(path, MAX_FILE_BYTES);
  } catch {
    return undefined;
  }
}
