import type { SystemState } from "../../domain/systemd.ts";
import type { UnitTable } from "./unit-table.ts";

/**
 * SystemState is told by no signal: what follows from its units is derived, as systemd does it. A
 * booted system is degraded while any unit is failed, and stopping once shutdown.target is up.
 * undefined where nothing follows, such as during boot: the source asks when that is over.
 */
export function derivedSystemState(
  known: SystemState | undefined,
  units: UnitTable,
): SystemState | undefined {
  if (known !== "running" && known !== "degraded") return undefined;
  const shutdown = units.get("shutdown.target")?.activeState;
  if (shutdown === "active" || shutdown === "activating") return "stopping";
  return (units.counts().get("failed") ?? 0) > 0 ? "degraded" : "running";
}
