import { exitCodeText } from "../../domain/exit-status.ts";
import type {
  ContainerReport,
  SystemdReport,
  TroubleLevel,
  UnitReport,
} from "../../domain/status.ts";
import { bytesText, count } from "../../page/view/format.ts";
import { endText, failureCount, unitLevel, whyOf } from "../../page/view/trouble.ts";
import { historyLines } from "./history-lines.ts";
import { ago, fact, lasting, moment, safe, table } from "./lines.ts";
import type { TextContext } from "./lines.ts";

/** Units in trouble of one container that are printed. */
const MAX_UNITS = 50;

/** Returns the state of a container as lines. */
export function containerText(container: ContainerReport, context: TextContext): string {
  const { name, node, cluster, image, health, healthSince, systemd, trouble } = container;
  const { startedAt, removedAt, memoryLimitBytes, isHost } = container;
  const inCluster = cluster === "" ? `node ${node}` : `node ${node}, cluster ${cluster}`;
  const where = isHost ? "the host" : inCluster;
  const hasCounts = !context.isOwn && !isHost;
  const isWell = trouble.reasons.length === 0;
  return [
    `${safe(name || node)}: ${isWell ? "nothing needs attention" : safe(trouble.reasons.join(", "))}`,
    ...fact("state", statusText(container, context)),
    ...fact("health", health === null ? null : `${health}${lasting(healthSince, context)}`),
    ...fact("systemd", systemd === null ? null : systemdText(systemd, context)),
    ...fact("started", moment(startedAt, context)),
    ...fact("last exit", exitText(container, context)),
    ...fact("removed", moment(removedAt, context)),
    ...fact("out of memory", oomText(container, context)),
    ...fact("memory limit", memoryLimitBytes === null ? null : bytesText(memoryLimitBytes)),
    ...(hasCounts ? fact("counts", countsText(container, context)) : []),
    ...fact("image", image),
    ...fact("where", where),
    ...historyLines(container.history, context),
    ...unitLines(container.units, context, "  "),
    "",
  ].join("\n");
}

/** Returns a table of the units that need attention, the failing ones first. */
export function unitLines(
  units: readonly UnitReport[],
  context: TextContext,
  indent: string,
): string[] {
  const troubled = units
    .map((unit) => ({ unit, level: unitLevel(unit) }))
    .filter(({ level }) => level === "failing" || level === "warning")
    .sort((a, b) => rank(a) - rank(b) || (a.unit.name < b.unit.name ? -1 : 1));
  const rows = troubled.slice(0, MAX_UNITS).map(({ unit }) => unitRow(unit, context));
  const more = troubled.length - rows.length;
  return [
    ...table(rows, indent),
    ...(more > 0 ? [`${indent}and ${count(more, "more unit")}`] : []),
  ];
}

function rank({ level }: { readonly level: TroubleLevel }): number {
  return level === "failing" ? 0 : 1;
}

function unitRow(unit: UnitReport, context: TextContext): string[] {
  const { name, activeState, subState, since, restarts } = unit;
  const isSame = subState === "" || subState === activeState;
  const failures = failureCount(unit);
  const counts = [
    failures > 0 ? `failed ${failures} ×` : "",
    restarts > 0 ? `restarted ${restarts} ×` : "",
  ].filter((part) => part !== "");
  return [
    name,
    `${activeState ?? "not loaded"}${isSame ? "" : `/${subState}`}${lasting(since, context)}`,
    [whyOf(unit), ...(context.isOwn ? [] : counts)].filter((part) => part !== "").join(", "),
  ];
}

function statusText(
  { status, pausedSince, startFailed }: ContainerReport,
  context: TextContext,
): string {
  if (startFailed) return `${status}, its first start failed`;
  return status === "paused" ? `paused${lasting(pausedSince, context)}` : status;
}

function systemdText(systemd: SystemdReport, context: TextContext): string {
  const { up, state, version, transport, since, units } = systemd;
  if (!up) return transport === null ? "not watched yet" : `not watched, was over ${transport}`;
  const counts = Object.entries(units).map(([word, number]) => `${number} ${word}`);
  const of = version === null ? "" : `, version ${version}`;
  return `${state ?? "state unknown"}${of}; units: ${counts.join(", ")}; over ${transport ?? "?"}${context.isOwn ? "" : lasting(since, context)}`;
}

function exitText(container: ContainerReport, context: TextContext): string | undefined {
  const { exitCode, finishedAt, runsSystemd } = container;
  if (exitCode === null && finishedAt === null) return undefined;
  const code = exitCode === null ? "unknown" : exitCodeText(exitCode, runsSystemd);
  const when = finishedAt === null ? "" : `, ${ago(finishedAt, context)}`;
  return `code ${code}${endText(container)}${when}`;
}

function oomText(
  { oomKilled, lastOom }: ContainerReport,
  context: TextContext,
): string | undefined {
  if (lastOom === null) return oomKilled ? "yes, since its last start" : undefined;
  const killed = lastOom.units.length === 0 ? "" : `, killed ${lastOom.units.join(", ")}`;
  return `${ago(lastOom.at, context)}${oomKilled ? "" : ", before its last start"}${killed}`;
}

function countsText(container: ContainerReport, context: TextContext): string {
  const { starts, restarts, countingSince } = container;
  return `${count(starts, "start")}, ${count(restarts, "restart")} by restart policy${lasting(countingSince, context)}`;
}
