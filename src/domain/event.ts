/**
 * Kinds of events. Each kind is one change of a container, of a systemd unit inside it, of the
 * systemd manager, or of the watch itself.
 */
export const EventKind = {
  ContainerCreate: "container.create",
  ContainerStart: "container.start",
  ContainerDie: "container.die",
  ContainerStop: "container.stop",
  ContainerOom: "container.oom",
  ContainerPause: "container.pause",
  ContainerUnpause: "container.unpause",
  ContainerDestroy: "container.destroy",
  ContainerRestart: "container.restart",
  ContainerHealth: "container.health",
  UnitActive: "unit.active",
  UnitFailed: "unit.failed",
  UnitInactive: "unit.inactive",
  UnitActivating: "unit.activating",
  UnitDeactivating: "unit.deactivating",
  UnitReloading: "unit.reloading",
  UnitRestart: "unit.restart",
  UnitRemoved: "unit.removed",
  SystemState: "system.state",
  SystemSoftReboot: "system.soft_reboot",
  MonitorLost: "monitor.lost",
  MonitorRecovered: "monitor.recovered",
  MonitorError: "monitor.error",
} as const;

/** One of the dotted names in {@link EventKind}. */
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

/** One change, as library subscribers see it. */
export interface Event {
  readonly kind: EventKind;
  /** Short node name, such as `worker-0`; "" if the event belongs to no node. */
  readonly node: string;
  /** Full container name; "" if the event belongs to no container. */
  readonly container: string;
  /** systemd unit name; "" for container events. */
  readonly unit: string;
  /** When it happened: Unix time in nanoseconds, by the clock of the event's source. */
  readonly timeNs: bigint;
  /** For people: `exitCode=137`, `ActiveState=failed`. No stable format beyond that. */
  readonly detail: string;
  /** The cause, on `monitor.error` and `monitor.lost` if there is one. */
  readonly error?: Error;
}

/** A node to watch: its short name and the full name of its container. */
export interface NodeTarget {
  readonly shortName: string;
  readonly container: string;
}
