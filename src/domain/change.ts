import type { ContainerIdentity, HealthStatus } from "./container.ts";
import type { Event, EventKind } from "./event.ts";
import type { ActiveState } from "./unit.ts";

type KindOf<Prefix extends string> = Extract<EventKind, `${Prefix}.${string}`>;

interface ChangeOf<Kind extends EventKind> extends Event {
  readonly kind: Kind;
  /** The container it happened to; undefined where it concerns the engine as a whole. */
  readonly identity: ContainerIdentity | undefined;
  /** True where it was missed when it happened, and found later in a snapshot. */
  readonly recovered: boolean;
}

/** A container's PID 1 ended. */
export interface ContainerDieChange extends ChangeOf<"container.die"> {
  readonly identity: ContainerIdentity;
  /** undefined where it can't be known any more, or the engine told none. */
  readonly exitCode: number | undefined;
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
  /** ActiveState before; undefined where it wasn't known. */
  readonly previousState: ActiveState | undefined;
  /** Result of a service, as systemd names it: `exit-code`, `signal`, …; undefined where unknown. */
  readonly result: string | undefined;
  /** Exit status or signal number of the main process; undefined where unknown. */
  readonly exitCode: number | undefined;
  /** Restarts by Restart= that this change stands for (unit.restart), or seen so far. */
  readonly restarts: number | undefined;
  /**
   * Which failure or restart of which run of the unit this is, the same whether a signal or the
   * journal told of it; "" where that can't be said.
   */
  readonly run: string;
}

/** SystemState of the manager changed, as `systemctl is-system-running` says it. */
export interface SystemChange extends ChangeOf<"system.state"> {
  readonly identity: ContainerIdentity;
  readonly systemState: string;
  readonly previousState: string | undefined;
}

/** The watch itself: of the engine where `identity` is undefined, else of that container's systemd. */
export interface MonitorChange extends ChangeOf<KindOf<"monitor">> {}

/** One change with all that is known of it: what logs, the live feed and subscribers are made from. */
export type Change = ContainerChange | UnitChange | SystemChange | MonitorChange;
