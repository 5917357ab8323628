import { SeverityNumber } from "@opentelemetry/api";
import type { Change, ContainerDieChange } from "../domain/change.ts";
import { isGoodExit } from "../domain/exit-code.ts";

export interface Severity {
  readonly number: SeverityNumber;
  readonly text: "INFO" | "WARN" | "ERROR";
}

const INFO: Severity = { number: SeverityNumber.INFO, text: "INFO" };
const WARN: Severity = { number: SeverityNumber.WARN, text: "WARN" };
const ERROR: Severity = { number: SeverityNumber.ERROR, text: "ERROR" };

export function severityOf(change: Change): Severity {
  switch (change.kind) {
    case "unit.failed":
    case "container.oom":
    case "monitor.error":
      return ERROR;
    case "container.die":
      // The code of a missed exit may be unknown: it doesn't count as a good one.
      return isGood(change) ? INFO : ERROR;
    case "container.health":
      return change.health === "unhealthy" ? ERROR : INFO;
    case "unit.restart":
    case "container.restart":
    case "monitor.lost":
      return WARN;
    case "container.create":
    case "container.start":
    case "container.stop":
    case "container.pause":
    case "container.unpause":
    case "container.destroy":
    case "unit.active":
    case "unit.inactive":
    case "unit.activating":
    case "unit.deactivating":
    case "unit.reloading":
    case "unit.removed":
    case "system.state":
    case "system.soft_reboot":
    case "monitor.recovered":
      return INFO;
    default:
      return change satisfies never;
  }
}

function isGood({ exitCode, runsSystemd, identity }: ContainerDieChange): boolean {
  // Where no exit code is ever known, that says nothing.
  if (exitCode === undefined) return identity.unknown?.includes("exit-code") === true;
  return isGoodExit(exitCode, runsSystemd);
}

const QUIET_KINDS: ReadonlySet<Change["kind"]> = new Set<Change["kind"]>([
  "container.stop",
  "unit.inactive",
  "unit.activating",
  "unit.deactivating",
  "unit.reloading",
]);

/**
 * Returns true for what has records only at level debug: the states that a unit passes through, and
 * requests, whose effect has a record.
 */
export function isQuiet(change: Change): boolean {
  return QUIET_KINDS.has(change.kind);
}
