/*
 * library/ is the published API: DockerMonitor, SystemdMonitor and the Watcher over both. It may
 * import domain, platform, the parsers of engine/format and systemd/format, and state/subscription.ts.
 *
 * The Watcher doesn't run the sidecar's watch. Its contract is an Executor of the caller's and exactly
 * two commands, `docker events` and `docker exec … busctl monitor`. The sidecar's sessions list,
 * inspect, read the journal and choose a transport: commands that the caller never agreed to. So the
 * Watcher passes on the events of the two streams; it keeps no state, recovers nothing, and opens no
 * stream again.
 *
 * Watcher and sidecar share the implementation of their parts: the parsers, `lineEvents` (following a process's
 * output), `Subscription` (bound and counter of a slow subscriber), `untilAborted` and `atMost`.
 *
 * After the signal aborts, no event is emitted and every process is killed. A subscriber never
 * delays another.
 */
import type { Clock } from "../domain/clock.ts";
import { type Event, EventKind, type NodeTarget } from "../domain/event.ts";
import type { Executor, Process } from "../domain/process.ts";
import { asError } from "../platform/data/as-error.ts";
import { systemClock } from "../platform/time/clock.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import { Subscription } from "../state/subscription.ts";
import { DockerMonitor, dockerEventsArgs } from "./docker-monitor.ts";
import { follow, type FollowOptions, kill } from "./follow.ts";
import { SystemdMonitor, systemdMonitorArgs } from "./systemd-monitor.ts";

export interface StartOptions {
  /** Ends the watch: kills all processes, and no event follows. */
  readonly signal?: AbortSignal | undefined;
}

export interface WatcherOptions {
  /** Gives the time of `monitor.*` events. Default: the machine's. */
  readonly clock?: Clock;
}

/**
 * Watches one sind cluster: its containers by `docker events`, and the systemd units of each node by
 * a `busctl monitor` inside it. Every subscriber gets every event.
 *
 * A watcher runs once. It ends when its signal aborts, or when every stream has ended; it opens no
 * stream again, and reports each end by a `monitor.lost` or `monitor.error` event.
 */
export class Watcher {
  readonly #executor: Executor;
  readonly #containerPrefix: string;
  readonly #clusterName: string;
  readonly #clock: Clock;
  readonly #subscriptions = new Set<Subscription>();
  #state: "new" | "running" | "failed" | "ended" = "new";
  #signal: AbortSignal | undefined;
  /** Settles when `docker events` has been started; undefined at other times. */
  #starting: Promise<void> | undefined;
  /** Streams that are open or being opened. */
  #open = 0;
  #end = Promise.withResolvers<void>();

  /**
   * @param executor starts the `docker` commands: `execaExecutor()`
   * @param containerPrefix start of the names of the cluster's containers: `sind-dev-`
   * @param clusterName value of their label `sind.cluster`: `dev`
   */
  constructor(
    executor: Executor,
    containerPrefix: string,
    clusterName: string,
    options: WatcherOptions = {},
  ) {
    this.#executor = executor;
    this.#containerPrefix = containerPrefix;
    this.#clusterName = clusterName;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Starts `docker events`, and then a monitor for each node; resolves when all are started. Emits
   * `monitor.error` for a node's monitor that can't be started. If the signal is aborted already,
   * starts nothing, and the watch has ended.
   *
   * @throws if `docker events` can't be started (the caller may call `start` again), or if the
   *   watcher was started before
   */
  async start(nodes: readonly NodeTarget[], options: StartOptions = {}): Promise<void> {
    if (this.#state === "running" || this.#state === "ended") {
      throw new Error("the watcher was started before; a new watch needs a new Watcher");
    }
    this.#state = "running";
    this.#signal = options.signal;
    this.#end = Promise.withResolvers();
    const started = Promise.withResolvers<void>();
    this.#starting = started.promise;
    await this.#track(async () => {
      try {
        await this.#startDockerMonitor();
      } catch (error) {
        this.#state = "failed";
        throw error;
      } finally {
        this.#starting = undefined;
        started.resolve();
      }
      await this.#startSystemdMonitors(nodes);
    });
  }

  /**
   * Starts a monitor for each of these nodes too; resolves when all are started, or failed to start,
   * which emits `monitor.error`. Does nothing once the watch has ended. Watches a node twice that is
   * added twice.
   *
   * @throws if the watcher isn't started
   */
  async addNodes(nodes: readonly NodeTarget[]): Promise<void> {
    if (this.#starting !== undefined) await this.#starting;
    if (this.#state === "new" || this.#state === "failed") {
      throw new Error("the watcher isn't started");
    }
    if (this.#state === "running") await this.#startSystemdMonitors(nodes);
  }

  /**
   * Returns a subscription to every event from now on. It holds 1,024 events; a full one drops its
   * oldest, counted in `dropped`. It ends when the watch does, after the events that it holds.
   */
  subscribe(): Subscription {
    const subscription: Subscription = new Subscription({
      onCancel: () => this.#subscriptions.delete(subscription),
    });
    if (this.#state === "ended") subscription.end();
    else this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Ends a subscription, after the events that it holds. Ignores one of another watcher. */
  unsubscribe(subscription: Subscription): void {
    if (this.#subscriptions.delete(subscription)) subscription.end();
  }

  /**
   * Resolves when the watch has ended: no stream is open, and every subscription has ended. Waits up
   * to 250 ms for a killed process. Resolves at once if nothing was started.
   */
  async wait(): Promise<void> {
    if (this.#state === "new") return;
    await this.#end.promise;
    this.#endSubscriptions();
  }

  async #startDockerMonitor(): Promise<void> {
    const process = await this.#launch(dockerEventsArgs(this.#clusterName));
    if (process === undefined) return;
    const monitor = new DockerMonitor(this.#containerPrefix);
    const target = { what: "docker events", node: "", container: "" };
    this.#follow(process, monitor, target);
  }

  async #startSystemdMonitors(nodes: readonly NodeTarget[]): Promise<void> {
    await Promise.all(nodes.map((node) => this.#track(() => this.#startSystemdMonitor(node))));
  }

  async #startSystemdMonitor({ shortName: node, container }: NodeTarget): Promise<void> {
    try {
      const process = await this.#launch(systemdMonitorArgs(container));
      if (process === undefined) return;
      const monitor = new SystemdMonitor(node, container);
      this.#follow(process, monitor, { what: "systemd monitor", node, container });
    } catch (thrown) {
      const error = asError(thrown);
      this.#emit({
        kind: EventKind.MonitorError,
        node,
        container,
        unit: "",
        timeNs: this.#clock.nowNs(),
        detail: `systemd monitor can't be started: ${error.message}`,
        error,
      });
    }
  }

  /** Returns undefined once aborted, and kills a process that starts after that. */
  async #launch(args: readonly string[]): Promise<Process | undefined> {
    if (this.#isAborted) return undefined;
    const starting = (async () => this.#executor.start("docker", args))();
    try {
      const process = await untilAborted(starting, this.#signal);
      if (!this.#isAborted) return process;
    } catch (error) {
      if (!this.#isAborted) throw error;
    }
    starting.then(kill, () => {});
    return undefined;
  }

  #follow(
    process: Process,
    monitor: DockerMonitor | SystemdMonitor,
    target: Pick<FollowOptions, "what" | "node" | "container">,
  ): void {
    const events = monitor.run(process.stdout, { signal: this.#signal });
    const emit = (event: Event): void => this.#emit(event);
    const options = { ...target, events, emit, clock: this.#clock, signal: this.#signal };
    void this.#track(() => follow(process, options));
  }

  #emit(event: Event): void {
    if (this.#isAborted) return;
    for (const subscription of this.#subscriptions) subscription.push({ ...event });
  }

  get #isAborted(): boolean {
    return this.#signal?.aborted === true;
  }

  /** Ends the watch after the last work that is tracked. */
  async #track(work: () => Promise<void>): Promise<void> {
    this.#open += 1;
    try {
      await work();
    } finally {
      this.#open -= 1;
      if (this.#open === 0) this.#finish();
    }
  }

  #finish(): void {
    if (this.#state === "running") {
      this.#state = "ended";
      this.#endSubscriptions();
    }
    this.#end.resolve();
  }

  #endSubscriptions(): void {
    for (const subscription of this.#subscriptions) subscription.end();
    this.#subscriptions.clear();
  }
}
