import type { ContainerIdentity } from "../../domain/container.ts";
import type { FleetEvents } from "../../domain/fleet-events.ts";
import type { Counting, LabelSet } from "../../domain/label-set.ts";
import type { UserResume } from "../../domain/resume.ts";
import { SystemdState } from "../units/systemd-state.ts";
import type { UnitAdmission } from "../units/unit-admission.ts";
import type { UnitRecord } from "../units/unit-record.ts";
import type { UnitRoom } from "../units/unit-table.ts";

/** One systemd of a node: the system's, or that of one of its users. */
export interface ManagerRecord {
  readonly identity: ContainerIdentity;
  /** `container`, `node`, `cluster`, and `user` of a user manager. */
  readonly labels: LabelSet;
  readonly systemd: SystemdState;
  /** False if its series were refused. */
  readonly hasSeries: boolean;
  /** undefined before the first inspection. */
  readonly runsSystemd: boolean | undefined;
  /** True while it runs, paused or not. */
  readonly alive: boolean;
  readonly paused: boolean;
}

/** Series of a user manager itself: its units by state, the rare ones too, its state, and the watch of it. */
const MANAGER_SERIES = 16;

/** Counts of a user's manager and of its units. */
export interface CountedUser {
  readonly user: string;
  readonly counting: Counting;
  readonly reconnects: number;
  readonly units: readonly UnitRecord[];
}

/** The container, or the host, of a user manager. */
export interface UserManagerNode {
  readonly identity: ContainerIdentity;
  readonly labels: LabelSet;
  readonly alive: boolean;
  readonly paused: boolean;
}

/**
 * A user manager: the systemd that runs the services of one user, as `user@UID.service` of its node's.
 * Its counters outlive it for the retention.
 */
export class UserManager implements ManagerRecord {
  readonly user: string;
  readonly systemd: SystemdState;
  readonly runsSystemd = true;
  /** True while its `user@UID.service` is active. */
  isRunning = false;
  /** When it ended: Unix nanoseconds; undefined while it runs. */
  endedAtNs: bigint | undefined;
  readonly #node: UserManagerNode;
  readonly #series: UnitAdmission["series"];
  #hasSeries: boolean;
  #counting: Counting;
  #identity: ContainerIdentity;
  #labels: LabelSet;

  constructor(
    user: string,
    node: UserManagerNode,
    context: {
      readonly events: FleetEvents;
      readonly admission: UnitAdmission;
      readonly room: UnitRoom;
    },
  ) {
    const { events, admission, room } = context;
    this.user = user;
    this.#node = node;
    this.#series = admission.series;
    this.#hasSeries = this.#series.take(MANAGER_SERIES);
    const nowNs = this.#series.nowNs();
    this.endedAtNs = nowNs;
    this.#counting = { sinceNs: nowNs };
    this.#identity = { ...node.identity, user };
    this.#labels = this.#labelsOf(node);
    this.systemd = new SystemdState(() => this.identity, events, {
      // Names that a command requests are those of the system's units.
      admission: { ...admission, names: [] },
      labels: this.#labels,
      user,
      softRebooted() {},
      room,
    });
  }

  get identity(): ContainerIdentity {
    return this.#identity;
  }

  get labels(): LabelSet {
    return this.#labels;
  }

  get hasSeries(): boolean {
    return this.#hasSeries;
  }

  get alive(): boolean {
    return this.isRunning && this.#node.alive;
  }

  get paused(): boolean {
    return this.#node.paused;
  }

  /** Adopts a new identity of its node. */
  renamed(): void {
    this.#identity = { ...this.#node.identity, user: this.user };
    this.#labels = this.#labelsOf(this.#node);
    this.systemd.units.relabel(this.#labels);
  }

  /** Counts for the manager that continues them. */
  counted(): CountedUser {
    const { user, systemd } = this;
    const { reconnects, units } = systemd;
    return { user, counting: this.#counting, reconnects, units: units.counted() };
  }

  /** Continues the counters of this user's manager in an earlier container with the same name. */
  inherit({ counting, reconnects, units }: CountedUser): void {
    this.#counting = counting;
    this.#labels = this.#labelsOf(this.#node);
    this.systemd.units.relabel(this.#labels);
    this.systemd.reconnects += reconnects;
    this.systemd.units.inherit(units);
  }

  /** Begins counters of its own: another container continues those that it had. */
  renewCounters(): void {
    this.#counting = { sinceNs: this.#series.nowNs() };
    this.#labels = this.#labelsOf(this.#node);
    this.systemd.reconnects = 0;
    this.systemd.units.renewCounters(this.#labels);
  }

  begun(): void {
    this.isRunning = true;
    this.endedAtNs = undefined;
  }

  ended(): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.endedAtNs = this.#series.nowNs();
    this.systemd.ended();
  }

  /** Releases its series. */
  forget(): void {
    this.systemd.units.forgetAll();
    if (this.#hasSeries) this.#series.give(MANAGER_SERIES);
    this.#hasSeries = false;
  }

  resume(): UserResume {
    const { user, systemd } = this;
    const units = systemd.units.recent.stored();
    return { user, systemd: systemd.journalCursor.resume, units };
  }

  restore({ systemd, units }: UserResume): void {
    this.systemd.journalCursor.restore(systemd);
    this.systemd.units.recent.restore(units);
  }

  #labelsOf({ labels }: UserManagerNode): LabelSet {
    return labels.with([["user", this.user]], this.#counting);
  }
}
