import type {
  ContainerReport,
  HistoryReport,
  Time,
  UnitDetails,
  UnitReport,
} from "../../domain/status.ts";
import { bytesText, count, spanText } from "../../page/view/format.ts";
import { oomKillText, whyOf } from "../../page/view/trouble.ts";
import { clipped, quoted } from "../../platform/data/escape.ts";
import { entryText, printedLines } from "../journal-text.ts";
import { historyLines } from "./history-lines.ts";
import { fact, lasting, moment, safe } from "./lines.ts";
import type { TextContext } from "./lines.ts";
import { StatusError } from "./selected.ts";

const MAX_NAME_CHARS = 80;

/**
 * Returns the state of a unit as lines.
 *
 * @param name as it was given: an alias, if the container's only unit has another name
 * @throws StatusError if the container has no such unit
 */
export function unitText(container: ContainerReport, name: string, context: TextContext): string {
  const unit = container.units.find((each) => each.name === name) ?? container.units[0];
  if (unit === undefined) throw new StatusError(missing(container, name));
  const { details = null } = unit;
  const { activeState, subState, since, loadState, freezerState, result, lastFailureAt } = unit;
  const isSame = subState === "" || subState === activeState;
  const alias = unit.name === name ? "" : ` (${name})`;
  const state = `${activeState ?? "not loaded"}${isSame ? "" : ` (${subState})`}`;
  return [
    `${safe(`${unit.name}${alias}`)} in ${safe(container.name || container.node)}: ${safe(state)}${lasting(since, context)}`,
    ...fact("description", details?.description),
    ...fact("why", whyOf(unit)),
    ...fact("result", result),
    ...fact("ended with", unit.endedWith),
    ...fact("killed", oomKillText(unit)),
    ...fact("since", moment(since, context)),
    ...(details === null ? [] : detailLines(details, context)),
    ...fact("load state", loadState),
    ...fact("freezer state", freezerState),
    ...(context.isOwn ? [] : countLines(unit, context)),
    ...fact("last failure", moment(lastFailureAt, context)),
    ...historyLines(ownChanges(unit), context),
    ...lastLines(unit, context),
    "",
  ].join("\n");
}

/** The name of the unit is above. */
function ownChanges({ history }: UnitReport): HistoryReport | undefined {
  if (history === undefined) return undefined;
  return { ...history, changes: history.changes.map((change) => ({ ...change, unit: "" })) };
}

function lastLines({ lastLines: all = [] }: UnitReport, { lines }: TextContext): string[] {
  if (lines === 0 || all.length === 0) return [];
  const shown = all.slice(-lines).flatMap(({ time, ...entry }) => {
    const timeMs = time === null ? Number.NaN : Date.parse(time);
    return printedLines(entryText({ ...entry, timeMs }));
  });
  return ["", ...shown.map((line) => `  ${line}`)];
}

function detailLines(details: UnitDetails, context: TextContext): string[] {
  const { command, restartPolicy, triggeredBy, triggers, nextRunAt } = details;
  const { memoryBytes, memoryPeakBytes, memoryMaxBytes } = details;
  const memory = [
    memoryBytes === null ? "" : bytesText(memoryBytes),
    memoryPeakBytes === null ? "" : `peak ${bytesText(memoryPeakBytes)}`,
    memoryMaxBytes === null ? "" : `limit ${bytesText(memoryMaxBytes)}`,
  ].filter((part) => part !== "");
  return [
    ...fact("program", command),
    ...fact("restart", restartPolicy),
    ...fact("memory", memory.join(", ")),
    ...fact("triggered by", triggeredBy.join(", ")),
    ...fact("triggers", triggers.join(", ")),
    ...fact("next run", nextRunAt === null ? null : untilText(nextRunAt, context)),
  ];
}

function untilText(time: Time, { nowMs }: TextContext): string {
  const seconds = (Date.parse(time) - nowMs) / 1000;
  const at = `${time.slice(0, 19).replace("T", " ")} UTC`;
  return seconds < 1 ? at : `${at} (in ${spanText(seconds)})`;
}

function countLines(unit: UnitReport, context: TextContext): string[] {
  const { failures, restarts, countingSince } = unit;
  const results = Object.entries(failures).map(([result, times]) => `${times} × ${result}`);
  return [
    ...fact("failures", results.length === 0 ? "none" : results.join(", ")),
    ...fact("restarts", restarts === 0 ? "none" : `${count(restarts, "restart")} by systemd`),
    ...fact("counted", lasting(countingSince, context).trim()),
  ];
}

function missing(container: ContainerReport, unit: string): string {
  const { status, runsSystemd, systemd } = container;
  const name = container.name || container.node;
  const shown = quoted(clipped(unit, MAX_NAME_CHARS));
  if (!runsSystemd) return `${name} doesn't run systemd: it has no unit ${shown}`;
  if (status !== "running" && systemd === null)
    return `${name} is ${status}: it has no unit ${shown}`;
  if (systemd?.up !== true) return `systemd in ${name} isn't watched: ${shown} isn't known`;
  return `no such unit is loaded in ${name}: ${shown}`;
}
