import { asError } from "../platform/data/as-error.ts";
import type { Clock } from "../domain/clock.ts";
import { type Event, EventKind, type NodeTarget } from "../domain/event.ts";
import type { Executor, Process } from "../domain/process.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import { systemClock } from "../platform/time/clock.ts";
import { DockerMonitor, dockerEventsArgs } from "./docker-monitor.ts";
import { SystemdMonitor, systemdMonitorArgs } from "../systemd/transport/monitor.ts";
import { follow, type FollowOptions, kill } from "./follow.ts";
import { Subscription } from "../state/subscription.ts";

export interface StartOptions {
  /** Ends the watch: all processes are killed, and no event comes after it. */
  readonly signal?: AbortSignal | undefined;
}

export interface WatcherOptions {
  /** Gives the time of `monitor.*` events. Default: the machine's. */
  readonly clock?: Clock;
}

/**
 * Watches one sind cluster: its containers by `docker events`, and the systemd units of each node by
 * a `busctl monitor` inside it. What happens goes to every subscriber.
 *
 * A watcher watches once. It has ended when its signal aborted, or when every stream has ended;
 * streams are not opened again (a `monitor.lost` or `monitor.error` event tells of each).
 */
export class Watcher {
  readonly #executor: Executor;
  readonly #containerPrefix: string;
  readonly #clusterName: string;
  readonly #clock: Clock;
  readonly #subscriptions = new Set<Subscription>();
  #state: "new" | "running" | "failed" | "ended" = "new";
  #signal: AbortSignal | undefined;
  /** There while `docker events` is being started. */
  #starting: Promise<void> | undefined;
  /** Streams that are open or being opened. */
  #open = 0;
  #end = Promise.withResolvers<void>();

  /**
   * @param executor starts the `docker` commands: `execaExecutor()`
   * @param containerPrefix what the names of the cluster's containers start with: `sind-dev-`
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
   * Starts `docker events`, and then a monitor for each node; resolves when all are started. A node's
   * monitor that can't be started is a `monitor.error` event. With a signal that is aborted already
   * nothing is started, and the watch has ended.
   *
   * @throws where `docker events` can't be started (`start` may be tried again then), and where the
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
   * Starts a monitor for each of these nodes too; resolves when all are started, or failed to, which
   * is a `monitor.error` event. Does nothing once the watch has ended. A node that is added twice is
   * watched twice.
   *
   * @throws where the watcher isn't started
   */
  async addNodes(nodes: readonly NodeTarget[]): Promise<void> {
    if (this.#starting !== undefined) await this.#starting;
    if (this.#state === "new" || this.#state === "failed") {
      throw new Error("the watcher isn't started");
    }
    if (this.#state === "running") await this.#startSystemdMonitors(nodes);
  }

  /**
   * A copy of every event from now on. It holds 1,024 events; when its reader is slower than that,
   * the oldest are lost, and counted in `dropped`. It ends when the watch does, after the events that
   * it still holds.
   */
  subscribe(): Subscription {
    const subscription: Subscription = new Subscription({
      onLeave: () => this.#subscriptions.delete(subscription),
    });
    if (this.#state === "ended") subscription.end();
    else this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Ends a subscription, after the events that it still holds. One of another watcher is left be. */
  unsubscribe(subscription: Subscription): void {
    if (this.#subscriptions.delete(subscription)) subscription.end();
  }

  /**
   * Resolves when the watch has ended: no stream is open, and every subscription has ended. Killed
   * processes have a moment to end first, and then are no longer waited for. Resolves at once where
   * nothing was started.
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

  /** Undefined once aborted; a process that comes after that is killed. */
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

  /** The watch ends with the last work that is tracked. */
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
