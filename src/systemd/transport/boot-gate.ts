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
  /** Returns the cgroups of its processes; undefined if the engine can't. Default: it can't. */
  readonly cgroups?: (signal: AbortSignal) => Promise<readonly string[] | undefined>;
  /** Reads a file of the host, as text. Default: of this machine. */
  readonly read?: (path: string) => Promise<string>;
}

/**
 * Time after a container's start in which systemd leaves the root cgroup: measured 7 to 160 ms, and
 * 570 ms at ten times the machine's load. Its bus takes as long as this.
 */
const BOOT_MS = 700;
const POLL_MS = 20;
/** For each answer the engine starts a ps on its host, and keeps an event: of 256 that a resume has. */
const FIRST_ENGINE_POLL_MS = 100;
const MAX_ENGINE_POLL_MS = 1_600;
/** A container whose PID 1 isn't systemd never passes. */
const LIMIT_MS = 30_000;
/** Time from when systemd has left the root cgroup, for signs of controllers that never come. */
const CONTROLLERS_LIMIT_MS = 10_000;
/** The engine gets no request about a container that has run for this long. */
const OLD_MS = 60_000;
const INIT_SCOPE = "/init.scope";

/** `left`: only the root cgroup; `unclear`: that too, and the rest can't be seen. */
type Progress = "unknown" | "booting" | "left" | "unclear" | "done";

/**
 * Keeps commands out of a container until its systemd has set its cgroups up: a process in the root
 * cgroup at that time makes the kernel refuse the controllers, and systemd never tries again. Where
 * this machine is the engine's host, PID 1's cgroup shows it; else Docker shows the cgroups of the
 * container's processes; else a time has to do.
 */
export class BootGate {
  readonly #options: BootGateOptions;
  readonly #read: (path: string) => Promise<string>;
  #enginePollMs = FIRST_ENGINE_POLL_MS;
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
      const { progress, pollMs } = await this.#look(signal);
      signal.throwIfAborted();
      const nowMs = clock.monotonicMs();
      if (progress === "done" || nowMs - startMs >= LIMIT_MS) break;
      let restMs = pollMs;
      if (progress === "unknown") {
        restMs = Math.min(pollMs, BOOT_MS - this.#upMs(), BOOT_MS - (nowMs - startMs));
        if (restMs <= 0) break;
      }
      if (progress === "left") leftMs ??= nowMs;
      if (leftMs !== undefined && nowMs - leftMs >= CONTROLLERS_LIMIT_MS) break;
      // An inspection may bring the pid meanwhile.
      await clock.sleep(restMs, signal);
    }
    this.#isOpen = true;
  }

  /** Returns how long the container has run; clocks of two machines may differ. */
  #upMs(): number {
    const { clock, startedAtNs } = this.#options;
    return clock.nowMs() - Number(startedAtNs / 1_000_000n);
  }

  async #look(signal: AbortSignal): Promise<{ progress: Progress; pollMs: number }> {
    const seen = await this.#onHost();
    const isSeen = seen !== "unknown" && seen !== "unclear";
    if (isSeen || this.#options.cgroups === undefined || this.#upMs() > OLD_MS) {
      return { progress: seen === "unclear" ? "done" : seen, pollMs: POLL_MS };
    }
    const cgroups = await this.#options.cgroups(signal).catch(() => undefined);
    const listed = cgroups === undefined ? "unknown" : progressOf(cgroups, this.#options.container);
    const progress = listed === "unknown" && seen === "unclear" ? "done" : listed;
    const pollMs = this.#enginePollMs;
    this.#enginePollMs = Math.min(2 * pollMs, MAX_ENGINE_POLL_MS);
    return { progress, pollMs };
  }

  /** Returns what /proc and /sys of this machine show. */
  async #onHost(): Promise<Progress> {
    const { container } = this.#options;
    const pid = this.#options.pid();
    if (pid <= 0) return "unknown";
    const text = await this.#tryRead(`/proc/${pid}/cgroup`);
    // Another machine's pid, or another pid namespace's, is some other process here.
    if (text === undefined || !text.includes(container)) return "unknown";
    const own = text.split("\n").find((line) => line.endsWith(INIT_SCOPE));
    if (own === undefined) return "booting";
    // With cgroup v1, processes in the root cgroup don't matter.
    if (!own.startsWith("0::")) return "done";
    return this.#controllers(own.slice("0::".length, -INIT_SCOPE.length));
  }

  /** Returns whether systemd has passed the controllers on from its root cgroup. */
  async #controllers(path: string): Promise<"left" | "unclear" | "done"> {
    const root = `/sys/fs/cgroup${path}`;
    const [offered, enabled, slice] = await Promise.all([
      this.#tryRead(`${root}/cgroup.controllers`),
      this.#tryRead(`${root}/cgroup.subtree_control`),
      this.#tryRead(`${root}/system.slice/cgroup.controllers`),
    ]);
    if (offered === undefined || enabled === undefined) return "unclear";
    // systemd may need no controllers; the slice follows them.
    const isDone = offered.trim() === "" || enabled.trim() !== "" || slice !== undefined;
    return isDone ? "done" : "left";
  }

  async #tryRead(path: string): Promise<string | undefined> {
    return this.#read(path).catch(() => undefined);
  }
}

/** Returns what the cgroups of all processes show: services start after the controllers are on. */
function progressOf(cgroups: readonly string[], container: string): Progress {
  let progress: Progress = "unknown";
  for (const line of cgroups) {
    for (const part of line.split(container).slice(1)) {
      // After `.scope` of the container: the path in its own root, up to the next hierarchy.
      const [, inside = ""] = /^[^/,]*(\/[^,]*)?/.exec(part) ?? [];
      if (inside !== "" && inside !== INIT_SCOPE) return "done";
      if (inside === INIT_SCOPE) progress = "left";
      else if (progress === "unknown") progress = "booting";
    }
  }
  return progress;
}
