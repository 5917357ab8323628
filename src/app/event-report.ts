import { randomUUID } from "node:crypto";
import type { Change } from "../domain/change.ts";
import type { EventReport } from "../domain/status.ts";
import { unitPath } from "../domain/user-unit.ts";
import { logRecordOf } from "../logs/log-record.ts";
import { rfc3339 } from "../page/rfc3339.ts";

/** Identifies this process in ids that clients and log records show: 32 hex digits. */
export const INSTANCE = randomUUID().replaceAll("-", "");

/** Returns the change as the API emits it: its log record, and where it happened. */
export function eventReport(change: Change): EventReport {
  const record = logRecordOf(change, { observedNs: 0n, instance: INSTANCE });
  const { "log.record.uid": uid, ...attributes } = record.attributes ?? {};
  const { kind, container, node, unit, detail, recovered, identity } = change;
  return {
    kind,
    time: rfc3339(change.timeNs),
    severity: record.severityText as EventReport["severity"],
    container,
    node,
    cluster: identity?.cluster ?? "",
    unit: unitPath(identity?.user, unit),
    ...(identity?.user === undefined ? {} : { user: identity.user }),
    message: String(record.body),
    detail,
    recovered,
    uid: String(uid),
    attributes,
  };
}
