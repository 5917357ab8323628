import type { SystemdReply } from "../../domain/systemd.ts";
import { isKilled } from "./oom-kills.ts";
import type { Fold } from "./unit-facts.ts";
import type { UnitRecord } from "./unit-record.ts";

/**
 * Returns what is requested after a Unit signal. Nothing of an inactive service: it may be gone, and a
 * request would load it again.
 */
export function queriesAfter(unit: UnitRecord, { outcomes }: Fold): SystemdReply | undefined {
  const { name, type, shown, hasSeries, facts } = unit;
  const oomKillsOf = hasSeries && outcomes.some(isKilled) ? [name] : undefined;
  const isUnknown = facts.policy === undefined && facts.activeState !== "inactive";
  const restartCountsOf = isUnknown && shown && type === "service" ? [name] : undefined;
  if (oomKillsOf === undefined && restartCountsOf === undefined) return undefined;
  return { ...(oomKillsOf && { oomKillsOf }), ...(restartCountsOf && { restartCountsOf }) };
}
