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
