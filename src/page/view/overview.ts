import type { StatusReport } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { Child, VElement } from "./element.ts";
import { age, bytesText, spanText } from "./format.ts";

/** Returns the overview of the fleet. */
export function overview(report: Omit<StatusReport, "containers">): VElement {
  const { summary, engine, otlpQueue } = report;
  const nowMs = Date.parse(report.time);
  const tile = (term: string, level: string, ...values: [Child, ...Child[]]): VElement => {
    const [value, ...notes] = values;
    return h(
      "div",
      { class: "tile", "data-level": level },
      h("dt", {}, term),
      h("dd", {}, h("b", {}, value), " ", h("span", { class: "aside" }, notes)),
    );
  };
  const n = (number: number): string => number.toLocaleString("en-US");
  const bad = (number: number, level: string): string => (number > 0 ? level : "fine");
  const since: Child = engine.since !== null && ["for ", age(engine.since, nowMs)];
  const lag: Child = engine.lagSeconds !== null && `, lag ${spanText(engine.lagSeconds)}`;
  return h(
    "dl",
    { id: "overview" },
    tile("Failed units", bad(summary.failedUnits, "failing"), n(summary.failedUnits)),
    tile(
      "Degraded nodes",
      bad(summary.degraded, "failing"),
      n(summary.degraded),
      `of ${n(summary.nodes)}`,
    ),
    tile("Containers running", "fine", n(summary.running), `of ${n(summary.containers)}`),
    tile(
      "Systemd watched",
      bad(summary.nodes - summary.watched, "warning"),
      n(summary.watched),
      `of ${n(summary.nodes)}`,
    ),
    tile(
      "Engine",
      engine.up ? "fine" : "failing",
      engine.up ? "up" : "down",
      since,
      lag,
      engine.reconnects > 0 && `, ${engine.reconnects} reconnects`,
    ),
    tile(
      "OTLP queue",
      "fine",
      otlpQueue === null ? "off" : n(otlpQueue.records),
      otlpQueue !== null && `records, ${bytesText(otlpQueue.bytes)}`,
    ),
  );
}

/** Returns what the page says if it lists no container in trouble: a paragraph, else empty. */
export function notice(
  { summary, engine }: Pick<StatusReport, "summary" | "engine">,
  numbers: { readonly entries: number; readonly troubled: number },
): VElement {
  const isWell = engine.up && summary.failedUnits === 0 && summary.degraded === 0;
  const text =
    numbers.entries === 0
      ? "No container is watched yet."
      : isWell && numbers.troubled === 0 && "No problems.";
  return h("p", { id: "notice", class: numbers.entries === 0 ? "aside" : "well" }, text);
}

/** Returns the title of the page: the browser's tab shows the number of failed units. */
export function titleOf({ summary }: Pick<StatusReport, "summary">): string {
  return summary.failedUnits > 0 ? `(${summary.failedUnits}) unitwatch` : "unitwatch";
}
