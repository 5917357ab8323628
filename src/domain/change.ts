/*
 * domain: the types, ports and word lists that all parts of unitwatch share.
 *
 * change.ts has the changes that flow from state to every output; event.ts their kinds, as library
 * subscribers see them. container.ts, unit.ts and systemd.ts describe what is watched;
 * engine-source.ts and systemd.ts are the ports of the sources, record-queue.ts, clock.ts, log.ts and
 * process.ts those of the outside world; status.ts has the JSON of the API, resume.ts what a process
 * leaves for the next.
 *
 * Always true: data is readonly, times are Unix nanoseconds as bigint, and nothing here does I/O.
 *
 * May import: nothing.
 */
import type { ContainerIdentity, HealthStatus } from "./container.ts";
import type { Event, EventKind } from "./event.ts";
import type { ActiveState } from "./unit.ts";

type KindOf<Prefix extends string> = Extract<EventKind, `${Prefix}.${string}`>;

interface ChangeOf<Kind extends EventKind> extends Event {
  readonly kind: Kind;
  /** The container it happened to; undefined if it concerns the engine as a whole. */
  readonly identity: ContainerIdentity | undefined;
  /** True if it was missed when it happened, and found later. */
  readonly recovered: boolean;
}

/** A container's PID 1 ended. */
export interface ContainerDieChange extends ChangeOf<"container.die"> {
  readonly identity: ContainerIdentity;
  /** undefined if it is lost, or the engine gave none. */
  readonly exitCode: number | undefined;
  /** True if its PID 1 is systemd. */
  readonly runsSystemd: boolean;
}

export interface ContainerHealthChange extends ChangeOf<"container.health"> {
  readonly identity: ContainerIdentity;
  readonly health: HealthStatus;
}

export interface ContainerPlainChange extends ChangeOf<
  Exclude<KindOf<"container">, "container.die" | "container.health">
> {
  readonly identity: ContainerIdentity;
}

export type ContainerChange = ContainerDieChange | ContainerHealthChange | ContainerPlainChange;

/** A unit's change. `unit` is its name. */
export interface UnitChange extends ChangeOf<KindOf<"unit">> {
  readonly identity: ContainerIdentity;
  readonly activeState: ActiveState | undefined;
  readonly subState: string | undefined;
  /** ActiveState before; undefined if unknown. */
  readonly previousState: ActiveState | undefined;
  /** Result of a service, as systemd names it: `exit-code`, `signal`, …; undefined if unknown. */
  readonly result: string | undefined;
  /** Exit status or signal number of the main process; undefined if unknown. */
  readonly exitCode: number | undefined;
  /** NRestarts with this restart (unit.restart); undefined for other kinds. */
  readonly restarts: number | undefined;
  /**
   * Number of the failure or restart within its run of the unit, and that run: the same whether a
   * signal or the journal reported it; "" if unknown.
   */
  readonly run: string;
}

/** SystemState of the manager changed, as `systemctl is-system-running` has it. */
export interface SystemChange extends ChangeOf<"system.state"> {
  readonly identity: ContainerIdentity;
  readonly systemState: string;
  readonly previousState: string | undefined;
}

/** systemd began again with a new userspace, and the container went on: `systemctl soft-reboot`. */
export interface SoftRebootChange extends ChangeOf<"system.soft_reboot"> {
  readonly identity: ContainerIdentity;
}

/** The watch itself changed: of the engine if `identity` is undefined, else of that container's systemd. */
export interface MonitorChange extends ChangeOf<KindOf<"monitor">> {}

/** One change with all facts about it: the source of logs, the live feed and library events. */
export type Change = ContainerChange | UnitChange | SystemChange | SoftRebootChange | MonitorChange;
