import { readFile } from "node:fs/promises";
import type { Clock } from "../../domain/clock.ts";

export interface BootGateOptions {
  /** Container id. */
  readonly container: string;
  /** Returns its PID 1 on the engine's host; 0 while that is unknown. */
  readonly pid: () => number;
  /** When it was started: Unix nanoseconds. */
  readonly startedAtNs: bigint;
  readonly clock: Clock;
  /** Reads a file of the host, as text. Default: of this machine. */
  readonly read?: (path: string) => Promise<string>;
}

/**
 * Time after a container's start in which systemd leaves the root cgroup: measured 7 to 160 ms, and
 * 570 ms at ten times the machine's load. Its bus takes as long as this.
 */
const BOOT_MS = 700;
const POLL_MS = 20;
/** A container whose PID 1 isn't systemd never passes. */
const LIMIT_MS = 30_000;
/** Time for which controllers may stay off: systemd may need none. */
const CONTROLLERS_LIMIT_MS = 2_000;
const INIT_SCOPE = "/init.scope";

type Progress = "unknown" | "booting" | "left" | "done";

/**
 * Keeps commands out of a container until its systemd has set its cgroups up: a process in the root
 * cgroup at that time makes the kernel refuse the controllers, and systemd never tries again. Where
 * this machine is the engine's host, PID 1's cgroup shows it; else a time has to do.
 */
export class BootGate {
  readonly #options: BootGateOptions;
  readonly #read: (path: string) => Promise<string>;
  #isOpen = false;

  constructor(options: BootGateOptions) {
    this.#options = options;
    this.#read = options.read ?? ((path) => readFile(path, "utf8"));
  }

  /** Resolves when a command may run in the container. @throws the signal's reason */
  async passed(signal: AbortSignal): Promise<void> {
    if (this.#isOpen) return;
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    let leftMs: number | undefined;
    for (;;) {
      const progress = await this.#progress();
      const nowMs = clock.monotonicMs();
      if (progress === "done" || nowMs - startMs >= LIMIT_MS) break;
      if (progress === "unknown") {
        const restMs = Math.min(this.#restMs(), BOOT_MS - (nowMs - startMs));
        if (restMs <= 0) break;
        // An inspection may bring the pid meanwhile.
        await clock.sleep(Math.min(restMs, POLL_MS), signal);
        continue;
      }
      if (progress === "left") leftMs ??= nowMs;
      if (leftMs !== undefined && nowMs - leftMs >= CONTROLLERS_LIMIT_MS) break;
      await clock.sleep(POLL_MS, signal);
    }
    this.#isOpen = true;
  }

  /** Returns how much of the time that boots need is left; clocks of two machines may differ. */
  #restMs(): number {
    const { clock, startedAtNs } = this.#options;
    const upMs = clock.nowMs() - Number(startedAtNs / 1_000_000n);
    return BOOT_MS - upMs;
  }

  async #progress(): Promise<Progress> {
    const { container } = this.#options;
    const pid = this.#options.pid();
    if (pid <= 0) return "unknown";
    const text = await this.#tryRead(`/proc/${pid}/cgroup`);
    // Another machine's pid, or another pid namespace's, is some other process here.
    if (text === undefined || !text.includes(container)) return "unknown";
    const paths = text.split("\n").map((line) => line.replace(/^\d+:[^:]*:/, ""));
    const own = paths.find((path) => path.endsWith(INIT_SCOPE));
    if (own === undefined) return "booting";
    return (await this.#lacksControllers(own.slice(0, -INIT_SCOPE.length))) ? "left" : "done";
  }

  /** True if systemd has yet to pass the controllers on from its root cgroup; false if unknown. */
  async #lacksControllers(path: string): Promise<boolean> {
    const root = `/sys/fs/cgroup${path}`;
    const [offered, enabled] = await Promise.all([
      this.#tryRead(`${root}/cgroup.controllers`),
      this.#tryRead(`${root}/cgroup.subtree_control`),
    ]);
    return (offered ?? "").trim() !== "" && (enabled ?? "on").trim() === "";
  }

  async #tryRead(path: string): Promise<string | undefined> {
    return this.#read(path).catch(() => undefined);
  }
}
