/**
 * The status page and the state as JSON, from the records of state/.
 *
 *   report.ts       the state: one JSON document, see domain/status.ts
 *   render-page.ts  the page: page-frame.ts around the views
 *   view/           the parts of the page as data, from reports; server and browser both use them
 *   client/         what runs in the browser: it follows /api/v1/events and patches the page
 *   assets.ts       the files that the browser loads
 *
 * It imports domain and the types of state/. All text of containers is escaped once, by html.ts or
 * the browser's DOM. Writers are generators: they yield often, so a large fleet doesn't block the
 * event loop.
 */
import type { EventReport } from "../domain/status.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import { escapeHtml, toHtml } from "./html.ts";
import { pageFoot, pageHead } from "./page-frame.ts";
import { containerFacts, filtered, isReported, reportHead, unitReport } from "./report.ts";
import type { ContainerFacts, ContainerFilter, ReportSources } from "./report.ts";
import { TextParts } from "./text-parts.ts";
import { changeItem } from "./view/change.ts";
import { nodeEntry, orderOf, sortedUnits } from "./view/node.ts";
import { overview, titleOf } from "./view/overview.ts";
import { troubleOf } from "./view/trouble.ts";

export interface PageSources extends ReportSources {
  /** Returns the newest changes as JSON, newest first. */
  readonly newest: (count: number) => readonly string[];
  readonly telemetryPath: string;
}

/** Containers on a page; those in trouble come first. */
export const MAX_ENTRIES = 1500;
/** Failing units of a container. */
const MAX_FAILING = 50;
/** Containers that are on the page with all their units, and the units of these together. */
const MAX_WHOLE = 100;
const MAX_OTHERS = 1000;
const NEWEST_CHANGES = 100;
const UNITS_PER_STEP = 500;

interface Entry {
  readonly record: ContainerRecord;
  readonly facts: ContainerFacts;
  readonly failing: readonly UnitRecord[];
  readonly failingCount: number;
  readonly pastCount: number;
  readonly level: string;
  readonly order: string;
}

/** Writes the status page of these containers as HTML. Yields now and then. */
export function* writePage(
  sources: PageSources,
  filter: ContainerFilter,
): Generator<void, Buffer, void> {
  const head = reportHead(sources);
  // Of the same moment as the head: the feed sends later changes to the page.
  const changes = sources.newest(NEWEST_CHANGES);
  const nowMs = Date.parse(head.time);
  const out = new TextParts();
  out.add(pageHead({ title: titleOf(head), head, isPart: filter !== undefined }));
  out.add(toHtml(overview(head)));
  out.add("</section>");
  const entries = yield* entriesOf(sources, filter);
  const trouble = entries.filter(({ level }) => level === "failing" || level === "warning");
  const others = entries.filter(({ level }) => level !== "failing" && level !== "warning");
  const budget = { entries: MAX_ENTRIES, whole: MAX_WHOLE, units: MAX_OTHERS };
  out.add(sectionHead("trouble", "Needs attention", trouble.length));
  out.add(
    '<p class="well">No problems.</p><p class="none aside">No container is watched yet.</p><div class="nodes">',
  );
  yield* writeEntries(out, trouble, { budget, nowMs });
  out.add(`</div></section>${sectionHead("rest", "Other containers", others.length)}`);
  const isOpen = filter !== undefined || others.length <= 12;
  out.add(
    `<details class="fold"${isOpen ? " open" : ""}><summary>Show</summary><div class="nodes">`,
  );
  yield* writeEntries(out, others, { budget, nowMs });
  out.add("</div>");
  const left = entries.length - MAX_ENTRIES;
  if (left > 0) {
    out.add(
      `<p class="aside">${left} more are not on this page. Request them by name: <code>./?container=NAME</code>.</p>`,
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

/** Returns the containers that exist, those in trouble first. */
function* entriesOf(
  sources: PageSources,
  filter: ContainerFilter,
): Generator<void, readonly Entry[], void> {
  const entries: Entry[] = [];
  for (const record of filtered(sources, filter)) {
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
      if (visited % UNITS_PER_STEP === 0) yield;
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

function* writeEntries(
  out: TextParts,
  entries: readonly Entry[],
  page: {
    readonly budget: { entries: number; whole: number; units: number };
    readonly nowMs: number;
  },
): Generator<void, void, void> {
  const { budget, nowMs } = page;
  for (const { record, facts, failing, failingCount, pastCount } of entries) {
    if (budget.entries === 0) return;
    budget.entries -= 1;
    const { size } = record.systemd.units;
    const isWhole = budget.whole > 0 && size <= budget.units;
    if (isWhole) {
      budget.whole -= 1;
      budget.units -= size;
    }
    const entry = nodeEntry({
      container: facts,
      failing: failing.map(unitReport),
      failingCount,
      pastCount,
      others: isWhole ? othersOf(record) : undefined,
      nowMs,
    });
    out.add(`${toHtml(entry)}\n`);
    yield;
  }
}

function othersOf(record: ContainerRecord) {
  const units = [...record.systemd.units.values()].filter(isReported).map(unitReport);
  return sortedUnits(units).others;
}
