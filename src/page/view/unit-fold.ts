import type { ContainerReport, LineReport, UnitDetails, UnitReport } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { Child, VElement } from "./element.ts";
import { bytesText, clockTime, spanText } from "./format.ts";
import { oomKillText } from "./trouble.ts";
import { pastChanges, timeline } from "./timeline.ts";

/** Of one entry, as much as is shown. */
const MAX_ENTRY_LINES = 20;
const MAX_LINE_CHARS = 2_000;
/** Levels from warning on are marked. */
const LAST_ERROR = 3;
const WARNING = 4;

/** Facts in the fold of a unit. */
export type FoldFacts = Pick<
  UnitReport,
  "name" | "activeState" | "lastLines" | "details" | "oomKill" | "history" | "around"
>;

/**
 * Returns the fold of a unit: its last hour, what it is, its last lines and what changed around its
 * failure. The browser requests what is absent when the fold is opened.
 */
export function unitFold(
  { name: container, node }: Pick<ContainerReport, "name" | "node">,
  unit: FoldFacts,
  nowMs: number,
): VElement {
  const { name, activeState: state, details, history, around = [], lastLines: lines } = unit;
  const query = new URLSearchParams({
    container: container.toWellFormed(),
    unit: name.toWellFormed(),
  });
  return h(
    "details",
    { class: "lines", "data-lines": name },
    h("summary", {}, "Last lines and history"),
    history !== undefined && timeline({ name, history, isNode: false, state, nowMs }),
    details !== undefined && details !== null && detailFacts(details, nowMs, oomKillText(unit)),
    lines === undefined
      ? h("p", {}, h("a", { href: `./api/v1/state?${query.toString()}` }, "As JSON"))
      : h(
          "div",
          { class: "beside" },
          h("section", {}, h("h4", {}, "Last lines"), h("ol", {}, lines.map(lineItem))),
          around.length > 0 &&
            h(
              "section",
              {},
              h("h4", {}, "In the minute around its failure, in ", h("bdi", {}, node)),
              pastChanges(around),
            ),
        ),
  );
}

function detailFacts(details: UnitDetails, nowMs: number, killed: string | undefined): VElement {
  const { description, command, triggeredBy, triggers, nextRunAt, restartPolicy } = details;
  const fact = (term: string, ...value: Child[]): VElement =>
    h("div", {}, h("dt", {}, term), h("dd", {}, value));
  const memory = memoryText(details);
  return h(
    "dl",
    { class: "facts" },
    description !== "" && fact("Description", h("bdi", {}, description)),
    command !== null && fact("Program", h("bdi", {}, command)),
    triggeredBy.length > 0 && fact("Triggered by", h("bdi", {}, triggeredBy.join(", "))),
    triggers.length > 0 && fact("Triggers", h("bdi", {}, triggers.join(", "))),
    nextRunAt !== null && fact("Next run", untilText(nextRunAt, nowMs)),
    restartPolicy !== null && fact("Restart=", restartPolicy),
    memory !== "" && fact("Memory", memory),
    killed !== undefined && fact("Out of memory", h("bdi", {}, `killed ${killed}`)),
  );
}

function untilText(time: string, nowMs: number): string {
  const seconds = (Date.parse(time) - nowMs) / 1000;
  const at = `${time.slice(0, 19).replace("T", " ")} UTC`;
  return seconds < 1 ? at : `${at}, in ${spanText(seconds)}`;
}

function memoryText({ memoryBytes, memoryPeakBytes, memoryMaxBytes }: UnitDetails): string {
  const parts = [
    memoryBytes === null ? "" : bytesText(memoryBytes),
    memoryPeakBytes === null ? "" : `peak ${bytesText(memoryPeakBytes)}`,
    memoryMaxBytes === null ? "" : `limit ${bytesText(memoryMaxBytes)}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function lineItem({ time, priority, identifier, pid, message }: LineReport): VElement {
  const level = priority ?? WARNING + 1;
  const severity = level <= LAST_ERROR ? "error" : level === WARNING ? "warn" : undefined;
  const from = pid === null ? identifier : `${identifier}[${pid}]`;
  return h(
    "li",
    { "data-severity": severity },
    time !== null && clockTime(time),
    " ",
    h("bdi", { class: "from" }, from),
    " ",
    h("span", { class: "message" }, messageLines(message)),
  );
}

function messageLines(message: string): Child {
  const lines = message.trimEnd().split(/\r?\n/);
  const shown = lines.slice(0, MAX_ENTRY_LINES).map((line) => {
    const cut = line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}…` : line;
    return h("bdi", {}, cut.replaceAll("\t", "    "));
  });
  const others = lines.length - shown.length;
  return [shown, others > 0 && h("bdi", {}, `… and ${others} more lines`)];
}
