import type { JournalEntry, RestartSettings } from "../../domain/systemd.ts";
import type { Transport } from "./transport.ts";

/**
 * Reads Restart= and RestartSec= of those of the services that the journal has restarts of: they explain
 * lines that it has lost, and may have been edited since.
 */
export async function restartSettings(
  transport: Transport,
  entries: readonly JournalEntry[] | undefined,
  services: ReadonlyMap<string, bigint>,
): Promise<ReadonlyMap<string, RestartSettings>> {
  const settings = new Map<string, RestartSettings>();
  const restarts = (entries ?? []).filter(
    ({ kind, unit }) => kind === "restart" && services.has(unit),
  );
  const restarted = [...new Set(restarts.map(({ unit }) => unit))];
  if (restarted.length === 0) return settings;
  await transport.restartCounts?.(restarted, (unit, { policy, restartDelayNs }) => {
    settings.set(unit, { policy, restartDelayNs });
  });
  return settings;
}
