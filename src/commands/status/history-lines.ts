import type { HistoryReport, PastChangeReport, Time } from "../../domain/status.ts";
import { knownText, summaryOf } from "../../page/view/history-text.ts";
import { fact, table } from "./lines.ts";
import type { TextContext } from "./lines.ts";

const HOUR_MS = 3_600_000;
/** Changes that are printed: the newest. */
const MAX_CHANGES = 10;

/** Returns the last hour as a fact, and its newest changes as a table; nothing if it isn't known. */
export function historyLines(history: HistoryReport | undefined, { nowMs }: TextContext): string[] {
  if (history === undefined) return [];
  const { since, changes } = history;
  const shown = changes.slice(-MAX_CHANGES);
  const earlier = changes.length - shown.length;
  const rows = shown.map((change) => [timeOf(change.firstAt), textOf(change)]);
  return [
    ...fact("last hour", `${summaryOf(changes)}${knownText(since, nowMs - HOUR_MS)}`),
    ...(earlier > 0 ? [`    and ${earlier} before`] : []),
    ...table(rows, "    "),
  ];
}

/** Returns `2026-11-26T05:27:39.654Z`, as the lines of a journal have it. */
function timeOf(time: Time | null): string {
  return time === null ? "" : `${time.slice(0, 23)}Z`;
}

function textOf(change: PastChangeReport): string {
  const { unit, count, firstAt, lastAt } = change;
  const times = count > 1 ? ` × ${count.toLocaleString("en-US")}` : "";
  const until =
    count > 1 && lastAt !== firstAt && lastAt !== null ? `, until ${timeOf(lastAt)}` : "";
  return `${unit === "" ? "" : `${unit} `}${whatOf(change)}${times}${until}`;
}

function whatOf({ kind, previousState, state, result }: PastChangeReport): string {
  switch (kind) {
    case "unit.failed":
      return result === null ? "failed" : `failed: ${result}`;
    case "unit.restart":
      return "restarted by systemd";
    case "container.restart":
      return "restarted by the restart policy";
    case "container.die":
      return result === null ? "exited" : `exited with code ${result}`;
    case "container.oom":
      return "out of memory";
    case "system.state":
      return `systemd ${previousState === null ? "" : `${previousState} → `}${state ?? "unknown"}`;
    default:
      return state ?? kind.slice(kind.indexOf(".") + 1);
  }
}
