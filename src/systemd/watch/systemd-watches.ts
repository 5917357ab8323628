/*
 * systemd/watch: keeps the systemd of each container watched, and applies what it sends to state.
 *
 * SystemdWatches starts and stops a SystemdWatch for each container whose systemd runs. A watch
 * opens its source again for as long as the container runs, with backoff, and reports when the
 * stream is lost or restored. UserWatches does the same for the user managers in it. Messages that arrive while the journal is read wait in a
 * BufferingSink; ClockStepGuard handles a clock that was set back. FailureLines reads the last lines of
 * runs that fail, and JournalFollows follows whole journals, apart from the watches.
 *
 * Always true: a message is applied to state at once and in order, or the stream ends. After a
 * container's death nothing of its streams is applied.
 *
 * May import: domain/, platform/, state/.
 */
import type { ReadingSource } from "../../domain/readings.ts";
import type { SystemdSource } from "../../domain/systemd.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { ManagerRecord } from "../../state/containers/user-manager.ts";
import { SystemdWatch } from "./systemd-watch.ts";
import type { SystemdWatchOptions } from "./systemd-watch.ts";
import type { UserWatches } from "./user-watches.ts";

export interface SystemdWatchesOptions extends Omit<
  SystemdWatchOptions,
  "record" | "source" | "manager" | "unitsRead"
> {
  /** Watches of user managers; absent if none is to be watched. */
  readonly users?: UserWatches | undefined;
  /** Returns the source of a container's systemd; undefined if systemd isn't watched. */
  readonly sourceOf: (record: ContainerRecord) => SystemdSource | undefined;
}

/** The engine's start time can be a little after the container's first moments. */
const START_MARGIN_NS = 500_000_000n;

/** Has one watch for each container whose systemd runs, and none for any other. */
export class SystemdWatches {
  readonly #options: SystemdWatchesOptions;
  readonly #byId = new Map<string, SystemdWatch>();
  readonly #stopping = new Set<Promise<void>>();

  constructor(options: SystemdWatchesOptions) {
    this.#options = options;
  }

  /** Starts, wakes or stops the container's watch, as its state requires. */
  sync(record: ContainerRecord): void {
    const { id } = record.identity;
    const { users } = this.#options;
    users?.sync(record);
    const watch = this.#byId.get(id);
    if (!record.alive || record.runsSystemd !== true) {
      if (watch !== undefined) this.#stop(id, watch);
      return;
    }
    if (watch !== undefined) {
      if (record.paused) watch.paused();
      else watch.wake();
      return;
    }
    const source = this.#options.sourceOf(record);
    if (source === undefined) return;
    // Changes since this run began count, however long it boots.
    if (record.counters.starts > 0 && record.startedAtNs > 0n) {
      record.systemd.journalCursor.from(record.startedAtNs - START_MARGIN_NS);
    }
    const unitsRead = users && ((unit: string | undefined): void => users.unitsRead(record, unit));
    const started = new SystemdWatch({ ...this.#options, record, source, unitsRead });
    if (record.paused) started.paused();
    this.#byId.set(id, started);
  }

  /** Returns the way to read what no signal carries; undefined while that systemd isn't watched, or it can't. */
  readingsOf(manager: ManagerRecord): ReadingSource | undefined {
    const { id, user } = manager.identity;
    return user === undefined
      ? this.#byId.get(id)?.readings
      : this.#options.users?.readingsOf(manager);
  }

  /** Stops all; resolves when every one has ended. */
  async stopAll(): Promise<void> {
    for (const [id, watch] of this.#byId) this.#stop(id, watch);
    await Promise.all([...this.#stopping, this.#options.users?.stopAll()]);
  }

  #stop(id: string, watch: SystemdWatch): void {
    this.#byId.delete(id);
    const stopped = watch.stop();
    this.#stopping.add(stopped);
    void stopped.finally(() => this.#stopping.delete(stopped));
  }
}
