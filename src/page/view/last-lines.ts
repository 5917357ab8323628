import type { ContainerReport, LineReport, UnitReport } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { Child, VElement } from "./element.ts";
import { clockTime } from "./format.ts";

/** Of one entry, as much as is shown. */
const MAX_ENTRY_LINES = 20;
const MAX_LINE_CHARS = 2_000;
/** Levels from warning on are marked. */
const LAST_ERROR = 3;
const WARNING = 4;

/** Returns the fold with the last lines of a unit's failure; the browser requests them when it is opened. */
export function lastLines(
  { name: container }: Pick<ContainerReport, "name">,
  { name, lastLines: lines }: Pick<UnitReport, "name" | "lastLines">,
): VElement {
  const query = new URLSearchParams({
    container: container.toWellFormed(),
    unit: name.toWellFormed(),
  });
  return h(
    "details",
    { class: "lines", "data-lines": name },
    h("summary", {}, "Last lines"),
    lines === undefined
      ? h("p", {}, h("a", { href: `./api/v1/state?${query.toString()}` }, "As JSON"))
      : h("ol", {}, lines.map(lineItem)),
  );
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
