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
import type { EventReport, UnitReport } from "../domain/status.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import { escapeHtml, toHtml } from "./html.ts";
import { pageFoot, pageHead } from "./page-frame.ts";
import { containerFacts, filtered, isReported, reportHead, unitsInTrouble } from "./report.ts";
import type { ContainerFacts, ContainerFilter, ReportSources } from "./report.ts";
import { nodeHistory, unitHistory } from "./history-report.ts";
import type { HistorySource } from "./history-report.ts";
import { unitReport } from "./unit-report.ts";
import { TextParts } from "./text-parts.ts";
import { changeItem } from "./view/change.ts";
import { foldChanges } from "./view/fold.ts";
import { goneItem, MAX_GONE } from "./view/gone.ts";
import { nodeEntry, orderOf, sortedUnits } from "./view/node.ts";
import { notice, overview, titleOf } from "./view/overview.ts";

export interface PageSources extends ReportSources {
  readonly history: HistorySource;
  /** Returns the newest changes as JSON, newest first. */
  readonly newest: (count: number) => readonly string[];
  readonly telemetryPath: string;
}

/** Containers on a page; those in trouble come first. */
export const MAX_ENTRIES = 1500;
/** Failing units of a container, and those that restarted lately. */
const MAX_FAILING = 50;
/** Containers that are on the page with all their units, and the units of these together. */
const MAX_WHOLE = 100;
const MAX_OTHERS = 1000;
/** Units that are on the page with their history; the browser requests those of others. */
const MAX_HISTORIES = 100;
/** Newest changes that are on the page, the same ones as one line. */
const NEWEST_CHANGES = 250;

interface Entry {
  readonly record: ContainerRecord;
  readonly facts: ContainerFacts;
  readonly failing: readonly UnitRecord[];
  readonly failingCount: number;
  readonly restarted: readonly UnitRecord[];
  readonly restartedCount: number;
  readonly pastCount: number;
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
  const nowNs = sources.nowNs();
  const out = new TextParts();
  out.add(pageHead({ title: titleOf(head), head, isPart: filter !== undefined }));
  out.add(toHtml(overview(head)));
  out.add("</section>");
  const entries = yield* entriesOf(sources, { filter, nowNs });
  const trouble = entries.filter(isTroubled);
  const others = entries.filter((entry) => !isTroubled(entry));
  const budget = {
    entries: MAX_ENTRIES,
    whole: MAX_WHOLE,
    units: MAX_OTHERS,
    histories: MAX_HISTORIES,
  };
  out.add(sectionHead("trouble", "Needs attention", trouble.length));
  const numbers = { entries: entries.length, troubled: trouble.length };
  out.add(`${toHtml(notice(head, numbers))}<div class="nodes">`);
  yield* writeEntries(out, trouble, { sources, budget, nowNs });
  out.add(`</div></section>${sectionHead("rest", "Other containers", others.length)}`);
  const isOpen = filter !== undefined || others.length <= 12;
  out.add(
    `<details class="fold"${isOpen ? " open" : ""}><summary>Show</summary><div class="nodes">`,
  );
  yield* writeEntries(out, others, { sources, budget, nowNs });
  out.add("</div>");
  const left = entries.length - MAX_ENTRIES;
  if (left > 0) {
    out.add(
      `<p class="aside">${left} more are not on this page. Request them by name: <code>./?container=NAME</code>.</p>`,
    );
  }
  out.add("</details></section>");
  out.add(goneSection(sources, { filter, nowNs }));
  out.add(
    pageFoot({
      telemetryPath: escapeHtml(sources.telemetryPath),
      version: escapeHtml(head.version),
      changes: foldChanges(changes.map((data) => JSON.parse(data) as EventReport))
        .map((line) => toHtml(changeItem(line)))
        .join("\n"),
    }),
  );
  return yield* out.end();
}

function sectionHead(id: string, title: string, number: number): string {
  return `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title} <span class="count">${number}</span></h2>`;
}

/** Returns the containers that were removed within the retention, the newest first. */
function goneSection(
  sources: PageSources,
  shown: { readonly filter: ContainerFilter; readonly nowNs: bigint },
): string {
  const { filter, nowNs } = shown;
  const units = { failing: 0, restarted: 0, looping: 0, frozen: 0 };
  const items = [...filtered(sources, filter)]
    .filter(({ destroyedAtNs }) => destroyedAtNs !== undefined)
    .sort((a, b) => ((a.destroyedAtNs ?? 0n) > (b.destroyedAtNs ?? 0n) ? -1 : 1))
    .slice(0, MAX_GONE)
    .map((record) => containerFacts(record, { sources, nowNs, units }))
    .map((facts) => toHtml(goneItem(facts, Number(nowNs / 1_000_000n))));
  return `<section id="gone" aria-labelledby="gone-title"><h2 id="gone-title">Removed lately</h2><ul>${items.join("\n")}</ul></section>`;
}

/** Returns the containers that exist, those in trouble first. */
function* entriesOf(
  sources: PageSources,
  shown: { readonly filter: ContainerFilter; readonly nowNs: bigint },
): Generator<void, readonly Entry[], void> {
  const { filter, nowNs } = shown;
  const entries: Entry[] = [];
  for (const record of filtered(sources, filter)) {
    if (record.destroyedAtNs !== undefined) continue;
    const units = yield* unitsInTrouble(record, nowNs);
    const { failing, restarted, pastCount, counts } = units;
    const facts = containerFacts(record, { sources, nowNs, units: counts });
    entries.push({
      record,
      facts,
      failing: firstByName(failing),
      failingCount: failing.length,
      restarted: firstByName(restarted),
      restartedCount: restarted.length,
      pastCount,
      order: orderOf(facts.trouble, facts),
    });
    yield;
  }
  return entries.sort((a, b) => (a.order < b.order ? -1 : 1));
}

function firstByName(units: readonly UnitRecord[]): UnitRecord[] {
  return units.toSorted((a, b) => (a.path < b.path ? -1 : 1)).slice(0, MAX_FAILING);
}

function isTroubled({ facts }: Entry): boolean {
  return facts.trouble.level === "failing" || facts.trouble.level === "warning";
}

function* writeEntries(
  out: TextParts,
  entries: readonly Entry[],
  page: {
    readonly sources: Pick<PageSources, "lastLinesOf" | "history">;
    readonly budget: { entries: number; whole: number; units: number; histories: number };
    readonly nowNs: bigint;
  },
): Generator<void, void, void> {
  const { sources, budget, nowNs } = page;
  const nowMs = Number(nowNs / 1_000_000n);
  for (const { record, facts, failing, restarted, ...counts } of entries) {
    const report = (unit: UnitRecord): UnitReport =>
      unitReport(unit, { sources, container: record, nowNs });
    const troubled = (unit: UnitRecord): UnitReport => {
      if (budget.histories === 0) return report(unit);
      budget.histories -= 1;
      return { ...report(unit), ...unitHistory(sources.history, record, unit) };
    };
    if (budget.entries === 0) return;
    budget.entries -= 1;
    const size = unitCount(record);
    const isWhole = budget.whole > 0 && size <= budget.units;
    if (isWhole) {
      budget.whole -= 1;
      budget.units -= size;
    }
    const entry = nodeEntry({
      container: isWhole ? { ...facts, history: nodeHistory(sources.history, record) } : facts,
      failing: failing.map(troubled),
      failingCount: counts.failingCount,
      restarted: restarted.map(troubled),
      restartedCount: counts.restartedCount,
      pastCount: counts.pastCount,
      others: isWhole ? othersOf(record, report) : undefined,
      nowMs,
    });
    out.add(`${toHtml(entry)}\n`);
    yield;
  }
}

function unitCount({ systemd, users }: ContainerRecord): number {
  let count = systemd.units.size;
  for (const user of users.values()) count += user.systemd.units.size;
  return count;
}

function othersOf(record: ContainerRecord, report: (unit: UnitRecord) => UnitReport) {
  const units = [...record.units()].filter(isReported).map(report);
  return sortedUnits(units).others;
}
