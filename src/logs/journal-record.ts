import { hash } from "node:crypto";
import {
  type AttributeValue,
  type HrTime,
  type LogRecord,
  SeverityNumber,
} from "@opentelemetry/api";
import type { Change } from "../domain/change.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { JournalLine, JournalRun, UnitLine } from "../domain/journal.ts";
import { hrTime } from "../platform/time/hr-time.ts";
import { containerAttributes, uidOf } from "./log-record.ts";

const EVENT_NAME = "systemd.journal";

/**
 * Severity of each level of syslog, with its short name.
 * https://opentelemetry.io/docs/specs/otel/logs/data-model-appendix/#appendix-b-severitynumber-example-mappings
 */
const SEVERITIES = [
  { number: SeverityNumber.FATAL, text: "FATAL" },
  { number: SeverityNumber.ERROR3, text: "ERROR3" },
  { number: SeverityNumber.ERROR2, text: "ERROR2" },
  { number: SeverityNumber.ERROR, text: "ERROR" },
  { number: SeverityNumber.WARN, text: "WARN" },
  { number: SeverityNumber.INFO2, text: "INFO2" },
  { number: SeverityNumber.INFO, text: "INFO" },
  { number: SeverityNumber.DEBUG, text: "DEBUG" },
] as const;
const [, , , , , , DEFAULT_SEVERITY] = SEVERITIES;

/** A line of a run that failed. */
export interface FailedLine {
  /** The failure that the line came with. */
  readonly change: Change;
  readonly run: JournalRun;
  readonly line: JournalLine;
}

interface RecordOptions {
  readonly observedNs: bigint;
  readonly instance: string;
}

/**
 * Returns the log record of a line that came with a failure.
 *
 * @param options as of `logRecordOf`
 */
export function journalRecordOf(
  { change, run, line }: FailedLine,
  options: RecordOptions,
): LogRecord {
  const { identity } = change;
  // Of a process that had ended, the journal may not have the run.
  const invocationId = line.invocationId || run.invocationId;
  const record = entryRecords(identity, options)({ ...line, unit: run.unit, invocationId });
  const failure = { "unitwatch.failure.uid": uidOf(change, options.instance) };
  return { ...record, attributes: { ...record.attributes, ...failure } };
}

/** Record of a journal entry, with exact times. */
export interface EntryRecord extends LogRecord {
  readonly timestamp: HrTime;
  readonly observedTimestamp: HrTime;
}

/**
 * Returns a function that makes the log records of a container's journal entries. The uid of an entry is the
 * same whenever it is read.
 */
export function entryRecords(
  identity: ContainerIdentity | undefined,
  { observedNs }: Pick<RecordOptions, "observedNs">,
): (line: UnitLine) => EntryRecord {
  const observedTimestamp = hrTime(observedNs);
  const shared = { "event.name": EVENT_NAME, ...containerAttributes({ identity }) };
  const id = identity?.id ?? "";
  return (line) => {
    const { unit, invocationId, pid, identifier } = line;
    const { number, text } = SEVERITIES[line.priority ?? -1] ?? DEFAULT_SEVERITY;
    const attributes: Record<string, AttributeValue> = { ...shared, "systemd.unit.name": unit };
    if (invocationId !== "") attributes["systemd.invocation_id"] = invocationId;
    if (pid !== undefined) attributes["process.pid"] = pid;
    if (identifier !== "") attributes["syslog.identifier"] = identifier;
    attributes["log.record.uid"] = lineUid(id, line);
    return {
      eventName: EVENT_NAME,
      timestamp: hrTime(line.timeNs),
      observedTimestamp,
      severityNumber: number,
      severityText: text,
      body: line.message,
      attributes,
    };
  };
}

function lineUid(container: string, { cursor }: JournalLine): string {
  return hash("sha256", `${container}\0journal\0${cursor}`, "hex").slice(0, 32);
}
