/*
 * systemd/transport: the ways to a container's systemd, each behind the port of a session.
 *
 *   dbus.ts    `systemd-stdio-bridge` in an exec, as a D-Bus connection: to the system bus (`bus`)
 *              or to systemd's own socket (`private`); dbus-transport.ts has the calls
 *   busctl.ts  `busctl monitor` in an exec, and a command for each call; busctl-transport.ts has them
 *   auto.ts    the best of these that works in the container
 *
 * Always true: a process that is started in a container ends when its input ends, however unitwatch
 * or the engine's connection end (graceful-close.ts). The container isn't trusted: what it sends is
 * bounded and checked.
 *
 * May import: domain/, platform/, systemd/dbus/, systemd/format/, systemd/session/.
 */
import type { Clock } from "../../domain/clock.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import type { SystemdSource } from "../../domain/systemd.ts";
import { AutoSource } from "./auto.ts";
import { BusctlSource } from "./busctl.ts";
import { DbusSource } from "./dbus.ts";

export interface SystemdSourceOptions {
  readonly runtime: Pick<ContainerRuntime, "exec" | "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  /** Returns false while the container may still boot. Default: always. */
  readonly hasBooted?: () => boolean;
}

/** Returns the source that `--systemd.transport` selects; undefined for `off`. */
export function systemdSource(
  transport: "auto" | "dbus" | "busctl" | "off",
  options: SystemdSourceOptions,
): SystemdSource | undefined {
  const dbus = (): SystemdSource[] => [
    new DbusSource({ ...options, target: "bus" }),
    new DbusSource({ ...options, target: "private" }),
  ];
  switch (transport) {
    case "off":
      return undefined;
    case "busctl":
      return new BusctlSource(options);
    case "dbus":
      return new AutoSource(dbus(), options);
    case "auto":
      return new AutoSource([...dbus(), new BusctlSource(options)], options);
    default:
      return transport satisfies never;
  }
}
