import { hash } from "node:crypto";
import { type LogRecord, SeverityNumber } from "@opentelemetry/api";
import type { Change } from "../domain/change.ts";
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
  const record = entryRecordOf(
    { identity, line: { ...line, unit: run.unit, invocationId } },
    options,
  );
  const failure = { "unitwatch.failure.uid": uidOf(change, options.instance) };
  return { ...record, attributes: { ...record.attributes, ...failure } };
}

/** Returns the log record of a journal entry. Its uid is the same whenever the entry is read. */
export function entryRecordOf(
  { identity, line }: Pick<Change, "identity"> & { readonly line: UnitLine },
  options: Pick<RecordOptions, "observedNs">,
): LogRecord {
  const { unit, invocationId } = line;
  const { number, text } = SEVERITIES[line.priority ?? -1] ?? DEFAULT_SEVERITY;
  return {
    eventName: EVENT_NAME,
    timestamp: hrTime(line.timeNs),
    observedTimestamp: hrTime(options.observedNs),
    severityNumber: number,
    severityText: text,
    body: line.message,
    attributes: {
      "event.name": EVENT_NAME,
      ...containerAttributes({ identity }),
      "systemd.unit.name": unit,
      ...(invocationId === "" ? {} : { "systemd.invocation_id": invocationId }),
      ...(line.pid === undefined ? {} : { "process.pid": line.pid }),
      ...(line.identifier === "" ? {} : { "syslog.identifier": line.identifier }),
      "log.record.uid": lineUid(identity?.id ?? "", line),
    },
  };
}

function lineUid(container: string, { cursor }: JournalLine): string {
  return hash("sha256", [container, "journal", cursor].join("\0"), "hex").slice(0, 32);
}
