import type { Clock } from "../../domain/clock.ts";
import type { UnknownFact } from "../../domain/container.ts";
import type {
  CgroupContainer,
  ContainerDescription,
  ContainerEnd,
  ContainerRegistry,
  HostContainer,
} from "../../domain/host-container.ts";
import { atMost } from "../../platform/time/at-most.ts";
import { untilAborted } from "../../platform/time/until-aborted.ts";
import { type CgroupFacts, CgroupFiles } from "./cgroup-files.ts";
import { findFirst, type FirstProcess } from "./first-process.ts";
import type { Hierarchy } from "./hierarchy.ts";
import type { HostProcess, HostProcesses } from "./host-process.ts";

/** Changes of a container. */
export type Happening = "start" | "die" | "pause" | "unpause" | "oom" | "describe" | "systemd";

export interface TrackedOptions {
  readonly hierarchy: Hierarchy;
  readonly processes: HostProcesses;
  readonly clock: Clock;
  readonly registries: readonly ContainerRegistry[];
  /** Takes what has happened; the container's facts show it already. Synchronous. */
  readonly happened: (container: TrackedContainer, what: Happening, timeNs: bigint) => void;
  /** Resolves to false if another container has the id, and keeps it. */
  readonly admits: (container: TrackedContainer, isProven: boolean) => Promise<boolean>;
  /** True if the cgroup was made just now: all that its files count has happened since. */
  readonly isNew: boolean;
  readonly signal: AbortSignal;
}

/** One run of a container. */
export interface Run extends HostContainer {
  readonly startTicks: bigint;
  /** As of {@link FirstProcess}. */
  readonly isInit: boolean;
}

/** A container that a runtime makes is looked at after this time, then after twice that, and so on. */
const FIRST_LOOK_MS = 5;
/** Looks at one without a process, or whose process is the runtime's yet: 80 s in all. */
const LOOKS = 14;
/** Looks at one that was just started, in which systemd may be executed, or that has no name yet: 5 s. */
const LOOKS_AFTER_START = 10;
const YOUNG_NS = 10_000_000_000n;
/** Longest wait for the name of a new container, and for how one ended. */
const DESCRIBE_MS = 1_000;
const END_MS = 1_000;
/** OOM kills that one look reports, one by one. */
const MAX_KILLS = 1_000;

/** One container of the host: follows its cgroup, and finds out what its first process is. */
export class TrackedContainer implements Disposable {
  readonly match: CgroupContainer;
  readonly #options: TrackedOptions;
  readonly #files: CgroupFiles;
  #run: Run | undefined;
  #isUnreadable = false;
  /** The newest run, which may have ended. */
  lastRun: Run | undefined;
  /** True if it was made after the watch began, or was forgotten since: its next start is an event. */
  isNew: boolean;
  lastEnd: ContainerEnd | undefined;
  runsSystemd = false;
  isPaused = false;
  description: ContainerDescription | undefined;
  readonly #reportsOom: boolean;
  /** The registry that knows it. */
  #registry: ContainerRegistry | undefined;
  #oomKills: number;
  #looks = 0;
  #timer: Disposable | undefined;
  #isRemoved = false;
  #isDirty = false;
  #mustDescribe = false;
  #looking: Promise<void> | undefined;

  constructor(match: CgroupContainer, options: TrackedOptions) {
    this.match = match;
    this.#options = options;
    this.#files = new CgroupFiles(options.hierarchy, match.path, () => this.look());
    this.#reportsOom = this.#files.reportsOom;
    this.isNew = options.isNew;
    this.#oomKills = options.isNew ? 0 : (this.#files.read().oomKills ?? 0);
  }

  get id(): string {
    return this.match.id;
  }

  /** Facts that nothing on this host says of it. */
  get unknown(): readonly UnknownFact[] {
    const facts: UnknownFact[] = this.#registry?.end === undefined ? ["exit-code"] : [];
    if (!this.#reportsOom) facts.push("oom");
    return [...facts, "restarts"];
  }

  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  /** True once the cgroup is gone. */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  get isProven(): boolean {
    return this.lastRun?.isProven === true;
  }

  /** True if it has processes that this pid namespace doesn't show. */
  get isForeign(): boolean {
    return this.lastRun === undefined && this.#files.isForeign;
  }

  /** True if it runs, and this process lacks the right to see whether its PID 1 is systemd. */
  get isUnreadable(): boolean {
    return this.#isUnreadable;
  }

  /** True if the kernel reports no changes of it, since it allows no more watches. */
  get isRefused(): boolean {
    return this.#files.isRefused;
  }

  /** Takes over what is known of an earlier cgroup of the container. */
  continues(earlier: TrackedContainer): void {
    this.description = earlier.description;
    this.lastRun = earlier.lastRun;
    this.lastEnd = earlier.lastEnd;
    this.#registry = earlier.#registry;
  }

  /** Looks at it soon: something may have changed. */
  look(): void {
    this.#isDirty = true;
    this.#looking ??= this.#lookUntilClean();
  }

  /** Requests its description again. */
  describe(): void {
    this.#mustDescribe = true;
    this.look();
  }

  /** Takes the end of its cgroup. */
  removed(): void {
    this.#isRemoved = true;
    this.#files[Symbol.dispose]();
    this.look();
  }

  renamed(path: string): void {
    this.#files.rename(path);
  }

  /** Resolves when the look is through that is going on, if any. */
  async idle(): Promise<void> {
    await this.#looking;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#files[Symbol.dispose]();
    this.#isRemoved = true;
  }

  async #lookUntilClean(): Promise<void> {
    // Several reports of one change come together.
    await Promise.resolve();
    try {
      while (this.#isDirty && !this.#options.signal.aborted) {
        this.#isDirty = false;
        await this.#step();
      }
    } finally {
      this.#looking = undefined;
    }
  }

  async #step(): Promise<void> {
    const facts = this.#isRemoved ? undefined : this.#files.read();
    const first = facts?.isPopulated === false || facts === undefined ? undefined : this.#first();
    const run = this.#run;
    if (run !== undefined && !isOf(first?.process, run)) await this.#ended(run);
    if (first !== undefined && this.#run === undefined) await this.#begin(first);
    if (this.#run !== undefined && facts !== undefined && first !== undefined) {
      this.#compare(facts, first.process);
      if (this.#mustDescribe) await this.#describeAgain(this.#run);
    }
    this.#lookLater(first);
  }

  #first(): FirstProcess | undefined {
    const { processes } = this.#options;
    const known = this.#run && processes.find(this.#run.pid);
    if (this.#run !== undefined && isOf(known, this.#run)) {
      const { isProven, isInit } = this.#run;
      return { process: known, isProven, isInit };
    }
    return findFirst(this.#files, this.match, processes);
  }

  async #begin({ process, isProven, isInit }: FirstProcess): Promise<void> {
    const { processes, happened, admits } = this.#options;
    if (processes.isSupervisor(process)) return;
    // The rest of a pid namespace whose PID 1 has ended is about to end, too.
    if (this.lastRun?.isInit === true && !isInit) return;
    if (processes.isEntering(process) && this.#looks < LOOKS) return;
    if (!(await admits(this, isProven))) return;
    const { pid, parent, startTicks } = process;
    const startedAtNs = processes.startedAtNs(process);
    const run = { ...this.match, pid, parent, isProven, isInit, startTicks, startedAtNs };
    this.#mustDescribe = false;
    this.description = (await this.#described(run)) ?? this.description;
    if (this.#options.signal.aborted) return;
    this.#run = run;
    this.lastRun = run;
    this.isPaused = false;
    this.#isUnreadable = !processes.isReadable(process);
    this.runsSystemd = processes.isSystemd(process);
    happened(this, "start", startedAtNs);
  }

  async #ended(run: Run): Promise<void> {
    const { happened, clock } = this.#options;
    const nowNs = clock.nowNs();
    const end = await this.#endOf(run);
    this.#run = undefined;
    const timeNs =
      end?.finishedAtNs === undefined || end.finishedAtNs === 0n ? nowNs : end.finishedAtNs;
    this.lastEnd = { exitCode: undefined, isOutOfMemory: false, ...end, finishedAtNs: timeNs };
    this.isPaused = false;
    this.#looks = 0;
    happened(this, "die", timeNs);
  }

  #compare({ isFrozen, oomKills = this.#oomKills }: CgroupFacts, process: HostProcess): void {
    const { happened, clock, processes } = this.#options;
    const nowNs = clock.nowNs();
    const more = Math.min(oomKills - this.#oomKills, MAX_KILLS);
    this.#oomKills = oomKills;
    for (let kill = 0; kill < more; kill += 1) happened(this, "oom", nowNs + BigInt(kill));
    if (isFrozen !== undefined && isFrozen !== this.isPaused) {
      this.isPaused = isFrozen;
      happened(this, isFrozen ? "pause" : "unpause", nowNs);
    }
    if (!this.runsSystemd && processes.isSystemd(process)) {
      this.runsSystemd = true;
      happened(this, "systemd", nowNs);
    }
  }

  /** Looks again, ever later and not for long, at a container that isn't complete yet. */
  #lookLater(first: FirstProcess | undefined): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#isRemoved) return;
    const run = this.#run;
    const isWaiting = run === undefined ? first !== undefined || this.lastRun === undefined : false;
    const isIncomplete =
      run !== undefined && this.#isYoung(run) && (!this.runsSystemd || this.#mayBeDescribed(run));
    const limit = isWaiting ? LOOKS : isIncomplete ? LOOKS_AFTER_START : 0;
    if (this.#looks >= limit) return;
    if (run !== undefined && this.#mayBeDescribed(run)) this.#mustDescribe = true;
    const waitMs = FIRST_LOOK_MS * 2 ** this.#looks;
    this.#looks += 1;
    this.#timer = this.#options.clock.setTimeout(() => this.look(), waitMs);
  }

  #isYoung({ startedAtNs }: Run): boolean {
    return this.#options.clock.nowNs() - startedAtNs < YOUNG_NS;
  }

  #mayBeDescribed(run: Run): boolean {
    if (this.description !== undefined) return false;
    return this.#options.registries.some((registry) => registry.concerns(run));
  }

  async #describeAgain(run: Run): Promise<void> {
    this.#mustDescribe = false;
    const description = await this.#described(run);
    if (description === undefined || this.#run !== run) return;
    this.description = description;
    this.#options.happened(this, "describe", this.#options.clock.nowNs());
  }

  /** Returns what the first registry says that knows the container. */
  async #described(run: Run): Promise<ContainerDescription | undefined> {
    const { clock, registries, signal } = this.#options;
    const ends = new AbortController();
    using _limit = clock.setTimeout(() => ends.abort(), DESCRIBE_MS);
    for (const registry of registries) {
      if (signal.aborted || ends.signal.aborted) return undefined;
      if (!registry.concerns(run)) continue;
      const answer = registry.describe(run, ends.signal).catch(() => undefined);
      const description = await untilAborted(answer, ends.signal);
      if (description === undefined) continue;
      this.#registry = registry;
      return description;
    }
    return undefined;
  }

  /** Returns how the run ended, by the registry that has described it. */
  async #endOf(run: Run): Promise<ContainerEnd | undefined> {
    const { clock, signal } = this.#options;
    if (this.#registry?.end === undefined) return undefined;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(END_MS)]);
    return atMost(
      END_MS,
      clock,
      this.#registry.end(run, limit).catch(() => undefined),
    );
  }
}

function isOf(process: HostProcess | undefined, run: Run): process is HostProcess {
  return process?.pid === run.pid && process.startTicks === run.startTicks;
}
