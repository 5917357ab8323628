import type { HistoryReport, PastChangeReport, UnitReport } from "../domain/status.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { ChangeHistory, History } from "../state/units/change-history.ts";
import type { PastChange } from "../state/units/change-track.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import { rfc3339 } from "./rfc3339.ts";

/** Supplies what happened lately. */
export type HistorySource = Pick<ChangeHistory, "ofNode" | "ofUnit" | "around">;

export function nodeHistory(source: HistorySource, { identity }: ContainerRecord): HistoryReport {
  return historyReport(source.ofNode(identity.id));
}

/** Returns the last hour of a unit, and what else changed around its last failure. */
export function unitHistory(
  source: HistorySource,
  { identity: { id } }: ContainerRecord,
  { path: name, lastFailure }: UnitRecord,
): Required<Pick<UnitReport, "history" | "around">> {
  const around = lastFailure === undefined ? [] : source.around(id, name, lastFailure.timeNs);
  return { history: historyReport(source.ofUnit(id, name)), around: around.map(changeReport) };
}

function historyReport({ sinceNs, changes }: History): HistoryReport {
  return { since: rfc3339(sinceNs), changes: changes.map(changeReport) };
}

function changeReport({ firstNs, lastNs, ...past }: PastChange): PastChangeReport {
  return {
    kind: past.kind,
    unit: past.unit,
    count: past.count,
    firstAt: rfc3339(firstNs),
    lastAt: rfc3339(lastNs),
    previousState: past.previousState ?? null,
    state: past.state ?? null,
    result: past.result ?? null,
  };
}
