import type { EventReport } from "../domain/status.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import { containerFacts, isReported, unitReport } from "./container-report.ts";
import type { ContainerFacts } from "./container-report.ts";
import { chosen, reportHead } from "./fleet-report.ts";
import type { ContainerFilter, ReportSources } from "./fleet-report.ts";
import { escapeHtml, toHtml } from "./html.ts";
import { TextParts } from "./text-parts.ts";
import { changeItem } from "./view/change.ts";
import { nodeArticle, orderOf, sortedUnits } from "./view/node.ts";
import { overview, titleOf } from "./view/overview.ts";
import { troubleOf } from "./view/trouble.ts";
import { pageFoot, pageHead } from "./page-frame.ts";

export interface PageSources extends ReportSources {
  /** The newest changes as JSON, the newest first. */
  readonly newest: (count: number) => readonly string[];
  readonly telemetryPath: string;
}

/** Containers on a page, the worst first; failing units of each, and all other units of all. */
export const MAX_ARTICLES = 1500;
const MAX_FAILING = 50;
const MAX_OTHERS = 1000;
/** Containers of which all is told, while there is room for their units. */
const MAX_WHOLE = 100;
const NEWEST_CHANGES = 100;
const UNITS_A_STEP = 500;

interface Entry {
  readonly record: ContainerRecord;
  readonly facts: ContainerFacts;
  readonly failing: readonly UnitRecord[];
  readonly failingCount: number;
  readonly pastCount: number;
  readonly level: string;
  readonly order: string;
}

/** Writes the status page of these containers as HTML. Yields from time to time. */
export function* writePage(
  sources: PageSources,
  filter: ContainerFilter,
): Generator<void, Buffer, void> {
  const head = reportHead(sources);
  // Of the same moment: what comes after the head's last event is sent to the page later.
  const changes = sources.newest(NEWEST_CHANGES);
  const nowMs = Date.parse(head.time);
  const out = new TextParts();
  out.add(pageHead({ title: titleOf(head), head, isPart: filter !== undefined }));
  out.add(toHtml(overview(head)));
  out.add("</section>");
  const entries = yield* entriesOf(sources, filter);
  const trouble = entries.filter(({ level }) => level === "failing" || level === "warning");
  const others = entries.filter(({ level }) => level !== "failing" && level !== "warning");
  const budget = { articles: MAX_ARTICLES, whole: MAX_WHOLE, units: MAX_OTHERS };
  out.add(sectionHead("trouble", "Needs attention", trouble.length));
  out.add(
    '<p class="well">Nothing: all that is watched is as it should be.</p><p class="none aside">No container is watched yet.</p><div class="nodes">',
  );
  yield* writeArticles(out, trouble, { budget, nowMs });
  out.add(`</div></section>${sectionHead("rest", "As it should be", others.length)}`);
  const isOpen = filter !== undefined || others.length <= 12;
  out.add(
    `<details class="fold"${isOpen ? " open" : ""}><summary>Show them</summary><div class="nodes">`,
  );
  yield* writeArticles(out, others, { budget, nowMs });
  out.add("</div>");
  const left = entries.length - MAX_ARTICLES;
  if (left > 0) {
    out.add(
      `<p class="aside">${left} more are not on this page: name them, as in <code>./?container=NAME</code>.</p>`,
    );
  }
  out.add("</details></section>");
  out.add(
    pageFoot({
      telemetryPath: escapeHtml(sources.telemetryPath),
      version: escapeHtml(head.version),
      changes: changes
        .map((data) => toHtml(changeItem(JSON.parse(data) as EventReport)))
        .join("\n"),
    }),
  );
  return yield* out.end();
}

function sectionHead(id: string, title: string, number: number): string {
  return `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title} <span class="count">${number}</span></h2>`;
}

/** The containers that are there, the worst first. */
function* entriesOf(
  sources: PageSources,
  filter: ContainerFilter,
): Generator<void, readonly Entry[], void> {
  const entries: Entry[] = [];
  for (const record of chosen(sources, filter)) {
    if (record.destroyedAtNs !== undefined) continue;
    const facts = containerFacts(record, sources);
    const failing: UnitRecord[] = [];
    let visited = 0;
    let pastCount = 0;
    for (const unit of record.systemd.units.values()) {
      const { activeState, subState } = unit;
      const fails = activeState === "failed" || activeState === "maintenance";
      if (unit.shown && (fails || subState.startsWith("auto-restart"))) failing.push(unit);
      else if (unit.shown && unit.hasCounters) pastCount += 1;
      visited += 1;
      if (visited % UNITS_A_STEP === 0) yield;
    }
    const trouble = troubleOf(facts, failing.length);
    entries.push({
      record,
      facts,
      failing: failing.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_FAILING),
      failingCount: failing.length,
      pastCount,
      level: trouble.level,
      order: orderOf(trouble, facts),
    });
    yield;
  }
  return entries.sort((a, b) => (a.order < b.order ? -1 : 1));
}

function* writeArticles(
  out: TextParts,
  entries: readonly Entry[],
  page: {
    readonly budget: { articles: number; whole: number; units: number };
    readonly nowMs: number;
  },
): Generator<void, void, void> {
  const { budget, nowMs } = page;
  for (const { record, facts, failing, failingCount, pastCount } of entries) {
    if (budget.articles === 0) return;
    budget.articles -= 1;
    const { size } = record.systemd.units;
    const isWhole = budget.whole > 0 && size <= budget.units;
    if (isWhole) {
      budget.whole -= 1;
      budget.units -= size;
    }
    const article = nodeArticle({
      container: facts,
      failing: failing.map(unitReport),
      failingCount,
      pastCount,
      others: isWhole ? othersOf(record) : undefined,
      nowMs,
    });
    out.add(`${toHtml(article)}\n`);
    yield;
  }
}

function othersOf(record: ContainerRecord) {
  const units = [...record.systemd.units.values()].filter(isReported).map(unitReport);
  return sortedUnits(units).others;
}
