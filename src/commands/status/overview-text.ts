import type { ContainerReport, StatusReport } from "../../domain/status.ts";
import { count } from "../../page/view/format.ts";
import { unitLines } from "./container-text.ts";
import { lasting, safe } from "./lines.ts";
import type { TextContext } from "./lines.ts";

/** Containers that are printed. */
const MAX_CONTAINERS = 200;

/** Returns what needs attention as lines, the worst first. */
export function overviewText(report: StatusReport, context: TextContext): string {
  const { containers, engine } = report;
  const sorted = containers.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  const shown = sorted.slice(0, MAX_CONTAINERS);
  const more = sorted.length - shown.length;
  const isDown = engine.up ? [] : [`the engine is down${lasting(engine.since, context)}`];
  return [
    headOf(report),
    ...isDown,
    ...shown.flatMap((container) => entryOf(container, context)),
    ...(more > 0 ? ["", `and ${count(more, "more container")}`] : []),
    "",
  ].join("\n");
}

function headOf({ containers, summary }: StatusReport): string {
  const of = `${count(summary.containers, "container")}, ${summary.watched} of ${count(summary.nodes, "node")} watched`;
  if (containers.length === 0) return `nothing needs attention: ${of}`;
  const need = containers.length === 1 ? "needs" : "need";
  return `${count(containers.length, "container")} ${need} attention: ${of}, ${count(summary.failedUnits, "failed unit")}`;
}

function entryOf(container: ContainerReport, context: TextContext): string[] {
  const { name, cluster, node, trouble, units } = container;
  const where = cluster === "" ? "" : ` (${node} in ${cluster})`;
  return [
    "",
    `${trouble.level}  ${safe(name || node)}${safe(where)}: ${safe(trouble.reasons.join(", "))}`,
    ...unitLines(units, context, "  "),
  ];
}

function rank({ trouble }: ContainerReport): number {
  return trouble.level === "failing" ? 0 : 1;
}
