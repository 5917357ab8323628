import type { Clock } from "../../domain/clock.ts";
import { logged } from "../../domain/container-name.ts";
import type { Logger } from "../../domain/log.ts";
import type { ReadingSource } from "../../domain/readings.ts";
import type { SystemdSource } from "../../domain/systemd.ts";
import type { ActiveState } from "../../domain/unit.ts";
import { userOf } from "../../domain/user-unit.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { ManagerRecord, UserManager } from "../../state/containers/user-manager.ts";
import type { Publisher } from "../../state/event-bus.ts";
import type { UnitRecord } from "../../state/units/unit-record.ts";
import { SystemdWatch } from "./systemd-watch.ts";

export interface UserWatchesOptions {
  /** Returns the source of a user manager in a container; undefined if it can't be watched. */
  readonly sourceOf: (record: ContainerRecord, user: string) => SystemdSource | undefined;
  readonly bus: Publisher;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Most user managers of all nodes: each is a connection, or a process in a container. */
export const MAX_USER_WATCHES = 1_000;

interface Watched {
  readonly manager: UserManager;
  readonly watch: SystemdWatch;
  /** Those of the same container. */
  readonly siblings: Set<UserManager>;
}

/** States of `user@UID.service` in which its systemd answers, or ends. */
const RUNNING: ReadonlySet<ActiveState | undefined> = new Set<ActiveState | undefined>([
  "active",
  "deactivating",
  "reloading",
  "refreshing",
  "maintenance",
]);

/**
 * Has one watch for each user manager that runs: from the start of its `user@UID.service` to its end, as
 * the system's manager shows them.
 */
export class UserWatches {
  readonly #options: UserWatchesOptions;
  readonly #maxWatches: number;
  readonly #byManager = new Map<ManagerRecord, Watched>();
  /** Managers that are watched in a container, also once it has lost its name to another. */
  readonly #byRecord = new WeakMap<ContainerRecord, Set<UserManager>>();
  readonly #stopping = new Set<Promise<void>>();
  /** Since when a user's manager has been starting: Unix nanoseconds. */
  readonly #starting = new WeakMap<UnitRecord, bigint>();
  /** Those that a bound kept from being watched. */
  readonly #refused = new WeakSet<UnitRecord>();

  constructor(options: UserWatchesOptions, maxWatches = MAX_USER_WATCHES) {
    this.#options = options;
    this.#maxWatches = maxWatches;
  }

  /** Follows what was folded in about one unit, or about all. */
  unitsRead(record: ContainerRecord, name: string | undefined): void {
    const { units } = record.systemd;
    if (name !== undefined) {
      const user = userOf(name);
      if (user !== undefined) this.#follow(record, user, units.get(name));
      return;
    }
    // Until the first listing, units that aren't known yet may run.
    if (!record.systemd.up) return;
    for (const unit of units.values()) {
      const user = userOf(unit.name);
      if (user !== undefined) this.#follow(record, user, unit);
    }
    for (const manager of record.users.values()) {
      if (manager.isRunning && units.get(`user@${manager.user}.service`) === undefined) {
        this.#end(manager);
      }
    }
    record.users.knownUntilNs = this.#options.clock.nowNs();
  }

  /** Wakes the watches of the container, or ends those of managers that don't run any more. */
  sync(record: ContainerRecord): void {
    for (const manager of this.#byRecord.get(record) ?? []) {
      if (!manager.alive) this.#end(manager);
      else if (record.paused) this.#byManager.get(manager)?.watch.paused();
      else this.#byManager.get(manager)?.watch.wake();
    }
  }

  /** Returns the way to read what no signal carries; undefined while it isn't watched. */
  readingsOf(manager: ManagerRecord): ReadingSource | undefined {
    return this.#byManager.get(manager)?.watch.readings;
  }

  /** Stops all; resolves when every one has ended. */
  async stopAll(): Promise<void> {
    for (const { manager } of this.#byManager.values()) this.#stop(manager);
    await Promise.all(this.#stopping);
  }

  #follow(record: ContainerRecord, user: string, unit: UnitRecord | undefined): void {
    const manager = record.users.get(user);
    if (unit === undefined || !RUNNING.has(unit.activeState)) {
      if (unit?.activeState === "activating") this.#starting.set(unit, unit.stateChangeNs);
      if (manager?.isRunning === true) this.#end(manager);
      return;
    }
    if (manager?.isRunning === true) return;
    this.#begin(record, user, unit);
  }

  #begin(record: ContainerRecord, user: string, unit: UnitRecord): void {
    const hasRoom = this.#byManager.size < this.#maxWatches;
    const source = hasRoom ? this.#options.sourceOf(record, user) : undefined;
    if (hasRoom && source === undefined) return;
    const manager = source && record.users.obtain(user);
    if (source === undefined || manager === undefined) {
      this.#refuse(record, unit);
      return;
    }
    // Changes count since it began, or since it is known that it didn't run.
    const { knownUntilNs } = record.users;
    const { baselineNs } = record.systemd.journalCursor;
    const startingNs = this.#starting.get(unit) ?? 0n;
    const fromNs = startingNs || knownUntilNs || baselineNs;
    if (fromNs > 0n) manager.systemd.journalCursor.from(fromNs);
    manager.begun();
    const watch = new SystemdWatch({ ...this.#options, record, manager, source });
    if (record.paused) watch.paused();
    const siblings = (this.#byRecord.get(record) ?? new Set()).add(manager);
    this.#byRecord.set(record, siblings);
    this.#byManager.set(manager, { manager, watch, siblings });
  }

  #refuse(record: ContainerRecord, unit: UnitRecord): void {
    if (this.#refused.has(unit)) return;
    this.#refused.add(unit);
    const { bus, log } = this.#options;
    bus.publish("dropped", { stage: "user_managers", count: 1 });
    log.limited("user managers").warn("user manager not watched, too many run", {
      ...logged(record.identity),
      unit: unit.name,
    });
  }

  #end(manager: UserManager): void {
    this.#stop(manager);
    manager.ended();
  }

  #stop(manager: UserManager): void {
    const watched = this.#byManager.get(manager);
    if (watched === undefined) return;
    this.#byManager.delete(manager);
    watched.siblings.delete(manager);
    const stopped = watched.watch.stop();
    this.#stopping.add(stopped);
    void stopped.finally(() => this.#stopping.delete(stopped));
  }
}
