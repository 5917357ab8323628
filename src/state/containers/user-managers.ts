import type { FleetEvents } from "../../domain/fleet-events.ts";
import type { UserResume } from "../../domain/resume.ts";
import type { UnitAdmission } from "../units/unit-admission.ts";
import type { UnitRoom } from "../units/unit-table.ts";
import { type CountedUser, UserManager, type UserManagerNode } from "./user-manager.ts";

/** Most user managers of one node, with those that ended within the retention. */
export const MAX_USERS_PER_NODE = 100;

/** The user managers of one container, or of the host: those that run, and those of the retention. */
export class UserManagers {
  readonly #byUser = new Map<string, UserManager>();
  readonly #node: UserManagerNode;
  readonly #context: {
    readonly events: FleetEvents;
    readonly admission: UnitAdmission;
    readonly room: UnitRoom;
  };
  /** Until when it is known which of them ran: Unix nanoseconds; 0n before the first listing. */
  knownUntilNs = 0n;

  constructor(
    node: UserManagerNode,
    context: {
      readonly events: FleetEvents;
      readonly admission: UnitAdmission;
      readonly room: UnitRoom;
    },
  ) {
    this.#node = node;
    this.#context = context;
  }

  get size(): number {
    return this.#byUser.size;
  }

  values(): Iterable<UserManager> {
    return this.#byUser.values();
  }

  get(user: string): UserManager | undefined {
    return this.#byUser.get(user);
  }

  /** Returns the user's manager, a new one if needed; undefined if too many run. */
  obtain(user: string): UserManager | undefined {
    const known = this.#byUser.get(user);
    if (known !== undefined) return known;
    if (this.#byUser.size >= MAX_USERS_PER_NODE) {
      const oldest = this.#byUser.values().find(({ isRunning }) => !isRunning);
      if (oldest === undefined) return undefined;
      this.#forget(oldest);
    }
    const made = new UserManager(user, this.#node, this.#context);
    this.#byUser.set(user, made);
    return made;
  }

  /** The node doesn't run any more, and none of them does. */
  ended(): void {
    this.knownUntilNs = 0n;
    for (const manager of this.#byUser.values()) manager.ended();
  }

  /** Forgets managers that ended, and units that were removed, before `beforeNs`. */
  forgetEnded(beforeNs: bigint): void {
    for (const manager of this.#byUser.values()) {
      if (manager.endedAtNs !== undefined && manager.endedAtNs < beforeNs) this.#forget(manager);
      else manager.systemd.units.forgetRemoved(beforeNs);
    }
  }

  forgetAll(): void {
    for (const manager of this.#byUser.values()) this.#forget(manager);
  }

  counted(): readonly CountedUser[] {
    return [...this.#byUser.values()].map((manager) => manager.counted());
  }

  /** Continues the counters of an earlier container with the same name. */
  inherit(earlier: readonly CountedUser[]): void {
    for (const counted of earlier) this.obtain(counted.user)?.inherit(counted);
  }

  renamed(): void {
    for (const manager of this.#byUser.values()) manager.renamed();
  }

  renewCounters(): void {
    for (const manager of this.#byUser.values()) manager.renewCounters();
  }

  resume(): readonly UserResume[] {
    return [...this.#byUser.values()].map((manager) => manager.resume());
  }

  restore(users: readonly UserResume[]): void {
    for (const each of users) this.obtain(each.user)?.restore(each);
  }

  #forget(manager: UserManager): void {
    this.#byUser.delete(manager.user);
    manager.forget();
  }
}
