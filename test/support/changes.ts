import type {
  ContainerDieChange,
  ContainerHealthChange,
  ContainerPlainChange,
  MonitorChange,
  SoftRebootChange,
  SystemChange,
  UnitChange,
} from "../../src/domain/change.ts";
import { identityOf } from "./engine-facts.ts";

const IDENTITY = identityOf("sind-dev-worker-0", { image: "sind/slurm:24.11" });

const COMMON = {
  node: IDENTITY.node,
  container: IDENTITY.name,
  unit: "",
  timeNs: 1_795_345_339_060_434_057n,
  detail: "",
  identity: IDENTITY,
  recovered: false,
} as const;

/** Makes a change of the container `sind-dev-worker-0`. */
export function containerChange(
  kind: ContainerPlainChange["kind"],
  more: Partial<ContainerPlainChange> = {},
): ContainerPlainChange {
  return { ...COMMON, kind, ...more };
}

/** Makes the `die` change of that container. */
export function dieChange(
  exitCode: number | undefined,
  more: Partial<ContainerDieChange> = {},
): ContainerDieChange {
  const detail = `exitCode=${exitCode ?? "unknown"}`;
  return { ...COMMON, kind: "container.die", exitCode, runsSystemd: false, detail, ...more };
}

export function healthChange(health: ContainerHealthChange["health"]): ContainerHealthChange {
  return { ...COMMON, kind: "container.health", health, detail: `health=${health}` };
}

/** Makes a change of `slurmd.service` in that container. */
export function unitChange(kind: UnitChange["kind"], more: Partial<UnitChange> = {}): UnitChange {
  return {
    ...COMMON,
    kind,
    unit: "slurmd.service",
    activeState: undefined,
    subState: undefined,
    previousState: undefined,
    result: undefined,
    exitCode: undefined,
    restarts: undefined,
    run: "",
    ...more,
  };
}

export function systemChange(systemState: string, previousState?: string): SystemChange {
  const detail = `SystemState=${systemState}`;
  return { ...COMMON, kind: "system.state", systemState, previousState, detail };
}

export function softRebootChange(): SoftRebootChange {
  return { ...COMMON, kind: "system.soft_reboot", detail: "SoftRebootsCount=1" };
}

/** Makes a monitor change of that container, or of the engine if there is no identity. */
export function monitorChange(
  kind: MonitorChange["kind"],
  more: Partial<MonitorChange> = {},
): MonitorChange {
  return { ...COMMON, kind, detail: "systemd stream ended", ...more };
}
