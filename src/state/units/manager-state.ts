import type { ManagerFacts, SystemState } from "../../domain/systemd.ts";
import type { UnitTable } from "./unit-table.ts";

/** systemd as a whole went from one state to another. */
export interface SystemTransition {
  readonly systemState: SystemState;
  readonly previousState: SystemState;
  readonly timeNs: bigint;
}

/** Holds the version and the state of systemd as a whole. */
export class ManagerState {
  /** undefined until it is known. */
  version: string | undefined = undefined;
  /** As `systemctl is-system-running` has it; undefined while it is unknown. */
  systemState: SystemState | undefined = undefined;

  /** Takes over what the manager says of itself; returns the transition, if it is one. */
  take({ version, systemState, timeNs }: ManagerFacts): SystemTransition | undefined {
    if (version !== undefined) this.version = version;
    return systemState === undefined ? undefined : this.#enter(systemState, timeNs);
  }

  /** Derives the state from units that changed at `timeNs`; returns the transition, if it is one. */
  unitsChanged(units: UnitTable, timeNs: bigint): SystemTransition | undefined {
    const derived = derivedSystemState(this.systemState, units);
    return derived === undefined ? undefined : this.#enter(derived, timeNs);
  }

  ended(): void {
    this.systemState = undefined;
  }

  #enter(systemState: SystemState, timeNs: bigint): SystemTransition | undefined {
    const previousState = this.systemState;
    this.systemState = systemState;
    const isTransition = previousState !== undefined && previousState !== systemState;
    return isTransition ? { systemState, previousState, timeNs } : undefined;
  }
}

/**
 * Returns the state that follows from the units, as systemd has it: no signal reports SystemState. A
 * booted system is degraded while any unit is failed, and stopping once shutdown.target is up.
 * undefined if nothing follows, such as during boot: the source asks when that is over.
 */
function derivedSystemState(
  known: SystemState | undefined,
  units: UnitTable,
): SystemState | undefined {
  if (known !== "running" && known !== "degraded") return undefined;
  const shutdown = units.get("shutdown.target")?.activeState;
  if (shutdown === "active" || shutdown === "activating") return "stopping";
  return (units.counts().get("failed") ?? 0) > 0 ? "degraded" : "running";
}
