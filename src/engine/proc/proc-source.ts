/**
 * engine/proc: the runtime without an engine. It finds containers by what the host's /proc and cgroups show,
 * and the kernel's inotify reports each change: at rest it does nothing.
 *
 *   hierarchy.ts          the host's cgroups among the mounts of this process
 *   cgroup-tree.ts        which cgroups come and go; a path names a container or not
 *   cgroup-files.ts       one container's cgroup: processes, end, freeze, OOM kills
 *   first-process.ts      PID 1 of a container, and the proof of whose it is
 *   tracked-container.ts  one container: its runs, and how they end
 *   names.ts              one name for each, and the identity that goes with it
 *   registries.ts         places that know names: files of runtimes (engine/registry), the CRI (engine/cri)
 *   proc-source.ts        all of that as an `EngineSource`
 *   proc-runtime.ts       the runtime: it runs no command in a container
 *
 * May import: domain/, platform/, engine/format/, engine/registry/, engine/cri/.
 *
 * Always true: nothing is executed, and nothing enters a container. Containers aren't trusted: an id comes
 * from the host's part of a cgroup's path, a name from a registry that the host's root writes; no memory
 * of a container's process is read. What the host doesn't show is absent: exit codes, restarts, health.
 */
import type { Clock } from "../../domain/clock.ts";
import type { ContainerDetails, ContainerIdentity } from "../../domain/container.ts";
import type { EngineEvent } from "../../domain/engine-event.ts";
import type { EngineSink, EngineSource, Inspection } from "../../domain/engine-source.ts";
import type { ContainerOfPath, ContainerRegistry } from "../../domain/host-container.ts";
import type { Logger } from "../../domain/log.ts";
import { untilAborted } from "../../platform/time/until-aborted.ts";
import { CgroupTree } from "./cgroup-tree.ts";
import { findHierarchy, type Hierarchy } from "./hierarchy.ts";
import { HostProcesses } from "./host-process.ts";
import type { Names } from "./names.ts";
import { type Happening, TrackedContainer } from "./tracked-container.ts";

export interface ProcSourceOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly containerOf: ContainerOfPath;
  readonly registries: readonly ContainerRegistry[];
  readonly names: Names;
  /** True if the container is to be watched, by the filters. */
  readonly concerns: (event: EngineEvent) => boolean;
  /** How long a container that has ended is kept, in case that it is started again. */
  readonly keepMs: number;
  /** Takes what a bound costs. */
  readonly dropped: (count: number) => void;
  /** Default: of this machine. */
  readonly hierarchy?: () => Hierarchy;
  readonly processes?: HostProcesses;
}

/** Interval of a warning that only another start can end. */
const FOREIGN_LOG_MS = 86_400_000;

/** Reads containers and their events from the host. */
export class ProcSource implements EngineSource {
  readonly listsRunning = true;
  readonly #options: ProcSourceOptions;
  readonly #processes: HostProcesses;
  readonly #byPath = new Map<string, TrackedContainer>();
  /** Those that have an id: the newest one with it. */
  readonly #byId = new Map<string, TrackedContainer>();
  readonly #shown = new Set<string>();
  readonly #forgets = new Map<string, Disposable>();
  #tree: CgroupTree | undefined;
  #hierarchy: Hierarchy | undefined;
  #sink: EngineSink | undefined;
  #isOpen = false;
  #signal = AbortSignal.abort();

  constructor(options: ProcSourceOptions) {
    this.#options = options;
    this.#processes = options.processes ?? new HostProcesses(() => options.clock.nowNs());
  }

  async events(sink: EngineSink, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { registries } = this.#options;
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    try {
      this.#open(sink, both);
      const changed = (id: string): void => this.#registryChanged(id);
      const runs = registries.flatMap((registry) => registry.run?.(changed, both) ?? []);
      await untilAborted(new Promise(() => {}), signal);
      await Promise.all(runs);
    } finally {
      end.abort();
      this.#close();
    }
  }

  /** Resolves when every report of the kernel until now was passed on. */
  async replay(): Promise<void> {
    await this.#settled();
  }

  async list(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#tree === undefined) throw new Error("the cgroups of the host aren't watched");
    this.#tree.rescan();
    for (const container of this.#byPath.values()) container.look();
    await this.#settled();
    signal.throwIfAborted();
    const foreign = [...this.#byPath.values()].filter((container) => container.isForeign).length;
    if (foreign > 0 && this.#shown.size === 0) {
      this.#options.log
        .limited("foreign", FOREIGN_LOG_MS)
        .warn("processes of containers not visible", {
          containers: foreign,
        });
    }
    return [...this.#shown];
  }

  async inspect(ids: readonly string[]): Promise<Inspection> {
    const details = ids.flatMap((id) => {
      const container = this.#shown.has(id) ? this.#byId.get(id) : undefined;
      return container === undefined ? [] : [this.#detailsOf(container)];
    });
    return { details, failures: [] };
  }

  /** Looks at a container soon, after a sign that it may have ended: cgroup v1 reports no end. */
  look(id: string): void {
    this.#byId.get(id)?.look();
  }

  #open(sink: EngineSink, signal: AbortSignal): void {
    this.#sink = sink;
    this.#signal = signal;
    const hierarchy = (this.#options.hierarchy ?? findHierarchy)();
    this.#hierarchy = hierarchy;
    const tree = new CgroupTree(hierarchy.root, {
      appeared: (path) => this.#appeared(path),
      vanished: (path) => this.#vanished(path),
      renamed: (path, to) => this.#renamed(path, to),
      refused: (path) => this.#refused(path),
    });
    this.#tree = tree;
    this.#isOpen = false;
    tree.open();
    this.#isOpen = true;
  }

  #close(): void {
    this.#tree?.[Symbol.dispose]();
    this.#tree = undefined;
    this.#sink = undefined;
    for (const container of new Set([...this.#byPath.values(), ...this.#byId.values()])) {
      container[Symbol.dispose]();
    }
    for (const id of this.#byId.keys()) this.#release(id);
    for (const timer of this.#forgets.values()) timer[Symbol.dispose]();
    for (const map of [this.#byPath, this.#byId, this.#forgets, this.#shown]) map.clear();
  }

  async #settled(): Promise<void> {
    // Each look is bounded. One that a listing didn't wait for would be missing in it.
    const looks = [...this.#byPath.values()].map((container) => container.idle());
    await untilAborted(Promise.all(looks), this.#signal);
  }

  #appeared(path: string): boolean {
    const match = this.#options.containerOf(path);
    if (match === undefined || match.path !== path || this.#hierarchy === undefined) return false;
    const { clock, registries } = this.#options;
    const container = new TrackedContainer(match, {
      hierarchy: this.#hierarchy,
      processes: this.#processes,
      clock,
      registries,
      happened: (one, what, timeNs) => this.#happened(one, what, timeNs),
      admits: (one, isProven) => this.#admits(one, isProven),
      isNew: this.#isOpen,
      signal: this.#signal,
    });
    if (container.isRefused) this.#refused(path);
    this.#byPath.set(path, container);
    container.look();
    return true;
  }

  #vanished(path: string): void {
    const container = this.#byPath.get(path);
    this.#byPath.delete(path);
    if (container === undefined) return;
    container.removed();
    if (container.lastRun === undefined) container[Symbol.dispose]();
  }

  /** Keeps the container's id: only cgroup v1 renames, and only what may write to the host's cgroups. */
  #renamed(path: string, to: string): void {
    const container = this.#byPath.get(path);
    if (container === undefined) return;
    this.#byPath.delete(path);
    this.#byPath.set(to, container);
    container.renamed(to);
    this.#options.log.limited("renamed").warn("cgroup of a container renamed, new name ignored", {
      container: this.#options.names.of(container),
    });
  }

  #refused(cgroup: string): void {
    const { log, dropped } = this.#options;
    dropped(1);
    log.limited("refused").warn("cgroup not watched, too many watches", { cgroup });
  }

  /** Resolves to whether the container may have its id: one that is proven comes before one that isn't. */
  async #admits(container: TrackedContainer, isProven: boolean): Promise<boolean> {
    const other = this.#byId.get(container.id);
    // Its end comes first.
    if (other !== container && other?.isRemoved === true) await other.idle();
    if (other !== undefined && other !== container) {
      if (other.isRunning && (other.isProven || !isProven)) {
        const { log, dropped } = this.#options;
        dropped(1);
        log.limited("claimed").warn("cgroup has the id of another container, ignored", {
          cgroup: container.match.path,
        });
        return false;
      }
      container.continues(other);
      other[Symbol.dispose]();
    }
    this.#byId.set(container.id, container);
    return true;
  }

  #happened(container: TrackedContainer, what: Happening, timeNs: bigint): void {
    const { id } = container;
    if (this.#byId.get(id) !== container) return;
    const wasShown = this.#shown.has(id);
    const name = this.#options.names.of(container);
    const isRenamed = this.#options.names.set(container);
    const isShown =
      container.description?.isHidden !== true &&
      this.#options.concerns(this.#event(container, what, timeNs));
    if (!isShown) {
      if (wasShown) this.#forget(container, "forget");
      return;
    }
    this.#shown.add(id);
    switch (what) {
      case "start":
        if (container.isUnreadable) {
          this.#options.log
            .limited("unreadable")
            .warn("systemd not sought, PID 1 not readable", { container: name });
        }
        this.#forgets.get(id)?.[Symbol.dispose]();
        this.#forgets.delete(id);
        // The first listing shows those that ran before.
        if (container.isNew || wasShown) this.#emit(container, "start", timeNs);
        return;
      case "die":
        this.#emit(container, "die", timeNs);
        this.#forgetLater(container);
        void this.#forgetRemoved(container);
        return;
      case "describe":
        if (!wasShown) this.#emit(container, "start", container.lastRun?.startedAtNs ?? timeNs);
        else this.#emit(container, isRenamed ? "rename" : "update", timeNs, name);
        return;
      case "systemd":
        this.#emit(container, "update", timeNs);
        return;
      case "oom":
      case "pause":
      case "unpause":
        this.#emit(container, what, timeNs);
        return;
      default:
        what satisfies never;
    }
  }

  #emit(container: TrackedContainer, action: string, timeNs: bigint, oldName?: string): void {
    this.#sink?.event(this.#event(container, action, timeNs, oldName));
  }

  #event(
    container: TrackedContainer,
    action: string,
    timeNs: bigint,
    oldName?: string,
  ): EngineEvent {
    const { description, lastEnd } = container;
    const exitCode = action === "die" ? lastEnd?.exitCode : undefined;
    const attributes = new Map([
      ...(description?.labels ?? []),
      ["name", this.#options.names.of(container)],
      ["image", description?.image ?? ""],
      ...(exitCode === undefined ? [] : [["exitCode", String(exitCode)] as const]),
      ...(oldName === undefined ? [] : [["oldName", oldName] as const]),
    ]);
    return { action, id: container.id, attributes, timeNs };
  }

  /** Keeps a container that has ended for a time, or as long as a registry has it. */
  #forgetLater(container: TrackedContainer): void {
    const { clock, keepMs } = this.#options;
    const timer = clock.setTimeout(() => {
      this.#forgets.delete(container.id);
      void this.#forgetUnlessKept(container);
    }, keepMs);
    this.#forgets.get(container.id)?.[Symbol.dispose]();
    this.#forgets.set(container.id, timer);
  }

  /** Resolves to whether the container still exists; undefined if that isn't known. */
  async #isKept({ lastRun }: TrackedContainer): Promise<boolean | undefined> {
    if (lastRun === undefined) return undefined;
    for (const registry of this.#options.registries) {
      if (!registry.concerns(lastRun)) continue;
      const isKept = await registry.keeps?.(lastRun).catch(() => undefined);
      if (isKept !== undefined) return isKept;
    }
    return undefined;
  }

  #registryChanged(id: string): void {
    const container = this.#byId.get(id);
    if (container === undefined) return;
    if (container.isRunning) container.describe();
    else void this.#forgetRemoved(container);
  }

  async #forgetRemoved(container: TrackedContainer): Promise<void> {
    const isKept = await this.#isKept(container);
    if (isKept === false && !container.isRunning) this.#forget(container, "destroy");
  }

  async #forgetUnlessKept(container: TrackedContainer): Promise<void> {
    const isKept = await this.#isKept(container);
    if (isKept !== true && !container.isRunning) this.#forget(container, "forget");
  }

  #forget(container: TrackedContainer, action: "forget" | "destroy"): void {
    const { id } = container;
    if (this.#byId.get(id) !== container) return;
    if (this.#shown.delete(id)) this.#emit(container, action, this.#options.clock.nowNs());
    if (container.isRunning) return;
    this.#forgets.get(id)?.[Symbol.dispose]();
    this.#forgets.delete(id);
    this.#byId.delete(id);
    this.#release(id);
    // Its cgroup may be there still, and be used again.
    container.isNew = true;
    if (container.isRemoved) container[Symbol.dispose]();
  }

  #release(id: string): void {
    const { registries, names } = this.#options;
    for (const registry of registries) registry.forget?.(id);
    names.release(id);
  }

  #detailsOf(container: TrackedContainer): ContainerDetails {
    const { isRunning, isPaused, lastRun, lastEnd, runsSystemd } = container;
    return {
      identity: this.#identityOf(container),
      status: isRunning ? (isPaused ? "paused" : "running") : "exited",
      health: undefined,
      createdAtNs: 0n,
      startedAtNs: lastRun?.startedAtNs ?? 0n,
      finishedAtNs: lastEnd?.finishedAtNs ?? 0n,
      exitCode: lastEnd?.exitCode,
      oomKilled: !isRunning && lastEnd?.isOutOfMemory === true,
      restartCount: 0,
      pid: isRunning ? (lastRun?.pid ?? 0) : 0,
      process: isRunning && lastRun ? `${lastRun.pid} ${lastRun.startTicks} ${this.#bootId}` : "",
      runsSystemd,
    };
  }

  get #bootId(): string {
    return this.#processes.bootId;
  }

  #identityOf(container: TrackedContainer): ContainerIdentity {
    const { names } = this.#options;
    const { id, description } = container;
    return names.identify({
      id,
      name: names.of(container),
      image: description?.image ?? "",
      label: (key) => description?.labels.get(key),
    });
  }
}
