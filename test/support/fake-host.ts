import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hierarchy } from "../../src/engine/proc/hierarchy.ts";

export interface FakeProcess {
  readonly pid: number;
  /** Default: 1. */
  readonly parent?: number;
  /** Default: `systemd`. */
  readonly comm?: string;
  /** Path of its program. Default: that of systemd. */
  readonly exe?: string;
  /** Its pids, from the host's namespace to its own. Default: PID 1 of a container. */
  readonly pids?: readonly number[];
  /** Start in ticks since the boot. Default 100. */
  readonly startTicks?: number;
  /** Default: root. */
  readonly uid?: number;
  readonly args?: readonly string[];
}

export interface FakeCgroup {
  readonly pids?: readonly number[];
  /** Text of cgroup.events. */
  readonly events?: string;
  /** Text of memory.events; absent without the controller. */
  readonly memory?: string;
}

/**
 * Folders that look like a host's /proc and cgroup v2. The kernel's files are plain ones here, whose
 * changes inotify reports as it does those of the kernel's.
 */
export class FakeHost implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "host-"));
  readonly proc = join(this.root, "proc");
  readonly cgroups = join(this.root, "cgroup");

  #removed = 0;

  constructor() {
    mkdirSync(join(this.proc, "sys/kernel/random"), { recursive: true });
    mkdirSync(this.cgroups);
    writeFileSync(join(this.proc, "sys/kernel/random/boot_id"), "boot\n");
    writeFileSync(join(this.proc, "uptime"), "1000.00 2000.00\n");
    this.process({ pid: 1, pids: [1], parent: 0 });
  }

  get hierarchy(): Hierarchy {
    return { version: 2, root: this.cgroups };
  }

  process(given: FakeProcess): void {
    const { pid, parent = 1, comm = "systemd", exe = "/usr/lib/systemd/systemd", uid = 0 } = given;
    const { pids = [pid, 1], startTicks = 100, args = [] } = given;
    const folder = join(this.proc, String(pid));
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const fields = ["S", parent, ...Array.from({ length: 17 }, () => 0), startTicks, 0];
    writeFileSync(join(folder, "stat"), `${pid} (${comm}) ${fields.join(" ")}\n`);
    const uids = [uid, uid, uid, uid].join("\t");
    const status = `Name:\t${comm}\nUid:\t${uids}\nNSpid:\t${pids.join("\t")}\n`;
    writeFileSync(join(folder, "status"), status);
    writeFileSync(join(folder, "cmdline"), args.join("\0"));
    symlinkSync(exe, join(folder, "exe"));
  }

  endProcess(pid: number): void {
    rmSync(join(this.proc, String(pid)), { recursive: true });
  }

  /** Makes a cgroup, or changes its files. */
  cgroup(path: string, { pids, events, memory }: FakeCgroup = {}): void {
    const folder = join(this.cgroups, path);
    mkdirSync(folder, { recursive: true });
    if (pids !== undefined) writeFileSync(join(folder, "cgroup.procs"), pids.join("\n"));
    if (memory !== undefined) writeFileSync(join(folder, "memory.events"), memory);
    if (events !== undefined) writeFileSync(join(folder, "cgroup.events"), events);
  }

  /** Removes a cgroup. The kernel gives the number of its folder to no other one. */
  removeCgroup(path: string): void {
    this.#removed += 1;
    renameSync(join(this.cgroups, path), join(this.root, `removed-${this.#removed}`));
  }

  renameCgroup(path: string, to: string): void {
    renameSync(join(this.cgroups, path), join(this.cgroups, to));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
