import type { ContainerReport, UnitReport } from "../../domain/status.ts";
import { h } from "./element.ts";
import type { Child, VElement } from "./element.ts";
import { age, positionOf } from "./format.ts";
import { failureCount, hasPast, unitLevel, whyOf } from "./trouble.ts";
import { unitFold } from "./unit-fold.ts";

const COLUMNS = ["Unit", "State", "Why", "Since", "Failed", "Restarted"] as const;

/** Returns a table of units. Its roles are explicit, since a narrow screen shows rows as blocks. */
export function unitTable(
  caption: string,
  container: Omit<ContainerReport, "units">,
  shown: { readonly units: readonly UnitReport[]; readonly nowMs: number },
): VElement {
  const heads = COLUMNS.map((name) => h("th", { role: "columnheader", scope: "col" }, name));
  return h(
    "table",
    { role: "table", class: "units", "data-key": caption },
    h("caption", { class: "aside" }, caption),
    h(
      "colgroup",
      {},
      COLUMNS.map(() => h("col", {})),
    ),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)),
    h(
      "tbody",
      { role: "rowgroup" },
      shown.units.flatMap((unit) => [
        unitRow(container, unit, shown.nowMs),
        hasFold(unit) && foldRow(container, unit, shown.nowMs),
      ]),
    ),
  );
}

function unitRow(
  container: Omit<ContainerReport, "units">,
  unit: UnitReport,
  nowMs: number,
): VElement {
  const position = positionOf(container, unit.name);
  const level = unitLevel(unit);
  const { activeState, subState, loadState, freezerState, since, restarts } = unit;
  const isSame = activeState === subState || subState === "";
  const failures = failureCount(unit);
  return h(
    "tr",
    { role: "row", id: position, tabindex: "-1", "data-level": level },
    h(
      "th",
      { role: "rowheader", scope: "row" },
      h("a", { href: `#${position}` }, h("bdi", {}, unit.name)),
    ),
    cell(
      "State",
      h("span", { class: "state" }, activeState ?? "not loaded"),
      !isSame && [" ", h("span", { class: "sub" }, subState)],
      freezerState !== null && [" ", h("span", { class: "unusual" }, freezerState)],
      loadState !== null && [" ", h("span", { class: "unusual" }, loadState)],
    ),
    cell("Why", whyOf(unit)),
    cell("Since", since !== null && age(since, nowMs)),
    cell("Failed", failures > 0 && `${failures} ×`),
    cell("Restarted", restarts > 0 && `${restarts} ×`),
  );
}

/** True for a unit that failed, or restarted: now, or while it was watched. */
function hasFold(unit: UnitReport): boolean {
  return unit.hasLastLines || unitLevel(unit) === "failing" || hasPast(unit);
}

function foldRow(
  container: Omit<ContainerReport, "units">,
  unit: UnitReport,
  nowMs: number,
): VElement {
  const { length } = COLUMNS;
  return h(
    "tr",
    { role: "row", class: "lines", "data-key": `lines of ${unit.name}` },
    h("td", { role: "cell", colspan: length }, unitFold(container, unit, nowMs)),
  );
}

function cell(column: string, ...children: readonly Child[]): VElement {
  return h("td", { role: "cell", "data-column": column }, children);
}
