import type { EngineReport, QueueReport, StatusReport, SummaryReport } from "../domain/status.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import { containerFacts, isReported, unitReport } from "./container-report.ts";
import type { ReportContext } from "./container-report.ts";
import { rfc3339 } from "./rfc3339.ts";
import { TextParts } from "./text-parts.ts";

/** What a report is made from. */
export interface ReportSources extends ReportContext {
  readonly containers: () => Iterable<ContainerRecord>;
  readonly engine: () => EngineReport;
  /** What waits to be sent over OTLP; undefined where nothing is, or it isn't known. */
  readonly otlpQueue: () => QueueReport | undefined;
  readonly lastEventId: () => string;
  readonly nowNs: () => bigint;
  readonly version: string;
}

/** Names of the containers to report; undefined for all. */
export type ContainerFilter = ReadonlySet<string> | undefined;

/** Containers between two yields, and units. */
const CONTAINERS_A_STEP = 50;
const UNITS_A_STEP = 100;

/** All of a report but its containers, of one moment. */
export function reportHead(sources: ReportSources): Omit<StatusReport, "containers"> {
  return {
    time: rfc3339(sources.nowNs()) ?? "",
    version: sources.version,
    lastEventId: sources.lastEventId(),
    engine: sources.engine(),
    summary: summaryOf(sources),
    otlpQueue: sources.otlpQueue() ?? null,
  };
}

function summaryOf(sources: ReportSources): SummaryReport {
  const summary = { containers: 0, running: 0, nodes: 0, watched: 0, degraded: 0, failedUnits: 0 };
  for (const record of sources.containers()) {
    if (record.destroyedAtNs !== undefined) continue;
    summary.containers += 1;
    if (!record.alive) continue;
    summary.running += 1;
    if (!sources.watchesSystemd || record.runsSystemd !== true) continue;
    const { systemd } = record;
    summary.nodes += 1;
    if (systemd.up) summary.watched += 1;
    const { systemState } = systemd.manager;
    if (systemState === "degraded" || systemState === "maintenance") summary.degraded += 1;
    summary.failedUnits += systemd.units.counts().get("failed") ?? 0;
  }
  return summary;
}

/** The containers that a filter lets through, in the order in which they became known. */
export function* chosen(
  sources: ReportSources,
  filter: ContainerFilter,
): Generator<ContainerRecord> {
  for (const record of sources.containers()) {
    if (filter === undefined || filter.has(record.identity.name)) yield record;
  }
}

/**
 * Writes a {@link StatusReport} as JSON. Yields from time to time: what is written of one container
 * may be of several moments where it has many units. The head is written first, so that events
 * after its `lastEventId` tell of whatever changed meanwhile.
 */
export function* writeReport(
  sources: ReportSources,
  filter: ContainerFilter,
): Generator<void, Buffer, void> {
  const out = new TextParts();
  out.add(`${JSON.stringify(reportHead(sources)).slice(0, -1)},"containers":[`);
  yield;
  let written = 0;
  for (const record of chosen(sources, filter)) {
    const facts = JSON.stringify(containerFacts(record, sources));
    out.add(`${written === 0 ? "" : ","}\n${facts.slice(0, -1)},"units":[`);
    written += 1;
    let units = 0;
    for (const unit of record.systemd.units.values()) {
      if (!isReported(unit)) continue;
      out.add(`${units === 0 ? "" : ","}${JSON.stringify(unitReport(unit))}`);
      units += 1;
      if (units % UNITS_A_STEP === 0) yield;
    }
    out.add("]}");
    if (units > 0 || written % CONTAINERS_A_STEP === 0) yield;
  }
  out.add("]}\n");
  return yield* out.end();
}
