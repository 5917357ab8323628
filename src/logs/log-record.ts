/**
 * Log records: each change as an OpenTelemetry record, with its sentence and its severity. It imports
 * domain and platform, and of OpenTelemetry the API alone: `emitChanges` emits the changes of the
 * sidecar, `emitLogRecords` the events of a library's Watcher, each through the caller's Logger. The
 * same change always makes the same record, uid included.
 */
import { hash } from "node:crypto";
import type { AttributeValue, LogRecord } from "@opentelemetry/api";
import type { Change, UnitChange } from "../domain/change.ts";
import { unitType } from "../domain/unit.ts";
import { hrTime } from "../platform/time/hr-time.ts";
import { sentenceOf } from "./sentence.ts";
import { severityOf } from "./severity.ts";

type Attributes = Record<string, AttributeValue>;

/** Returns the EventName of a change: `docker.container.die`, `systemd.unit.failed`, `unitwatch.monitor.lost`. */
export function eventNameOf(change: Change): string {
  switch (change.kind.slice(0, change.kind.indexOf("."))) {
    case "container":
      return `docker.${change.kind}`;
    case "unit":
    case "system":
      return `systemd.${change.kind}`;
    default:
      return `unitwatch.${change.kind}`;
  }
}

/**
 * Returns the same uid for the same change, also in another process, so that backends recognise a
 * record that is sent twice. Changes of the watch itself belong to one process: `instance`.
 */
export function uidOf(change: Change, instance: string): string {
  const { id, user } = change.identity ?? {};
  // Streams of many containers can end at the same time, for the same reason.
  const where = change.kind.startsWith("monitor.") ? [instance, id ?? ""] : [id ?? instance];
  // Journal and signal give a failure slightly different times: its run identifies it.
  const which =
    "run" in change && change.run !== "" ? [change.run] : [change.timeNs, change.detail];
  const whose = user === undefined ? [] : [`user ${user}`];
  const parts = [...where, ...whose, change.kind, change.unit, ...which];
  return hash("sha256", parts.join("\0"), "hex").slice(0, 32);
}

/**
 * Returns the log record of a change. Attributes are flat scalars: backends show others badly.
 *
 * @param options `instance` identifies this process among others; random
 */
export function logRecordOf(
  change: Change,
  options: { readonly observedNs: bigint; readonly instance: string },
): LogRecord {
  const severity = severityOf(change);
  const eventName = eventNameOf(change);
  return {
    eventName,
    timestamp: hrTime(change.timeNs),
    observedTimestamp: hrTime(options.observedNs),
    severityNumber: severity.number,
    severityText: severity.text,
    body: `${sentenceOf(change)}.`,
    attributes: {
      "event.name": eventName,
      ...containerAttributes(change),
      ...ownAttributes(change),
      ...(severity.text === "ERROR" && errorType(change)),
      "unitwatch.recovered": change.recovered,
      "log.record.uid": uidOf(change, options.instance),
    },
  };
}

export function containerAttributes({ identity }: Pick<Change, "identity">): Attributes {
  if (identity === undefined) return {};
  const user = identity.user === undefined ? {} : { "user.id": identity.user };
  if (identity.isHost === true)
    return { "host.name": identity.name, "unitwatch.node": identity.node, ...user };
  return {
    "container.id": identity.id,
    "container.name": identity.name,
    "container.image.name": identity.image,
    "container.runtime.name": identity.runtime,
    "unitwatch.cluster": identity.cluster,
    "unitwatch.node": identity.node,
    ...user,
  };
}

/** Returns `error.type` of a failure: what failed, in few words that repeat. */
function errorType(change: Change): Attributes {
  switch (change.kind) {
    case "unit.failed":
      return change.result === "" ? {} : { "error.type": change.result };
    case "container.oom":
      return { "error.type": "oom" };
    case "container.die":
      return change.exitCode === undefined ? {} : { "error.type": String(change.exitCode) };
    case "container.health":
      return { "error.type": change.health };
    default:
      return {};
  }
}

function ownAttributes(change: Change): Attributes {
  if (change.kind === "container.die") {
    return change.exitCode === undefined ? {} : { "process.exit.code": change.exitCode };
  }
  if (change.unit === "" || !("activeState" in change)) return {};
  const attributes: Attributes = {
    "systemd.unit.name": change.unit,
    "systemd.unit.type": unitType(change.unit),
  };
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined && value !== "") attributes[name] = value;
  };
  set("systemd.unit.active_state", change.activeState);
  set("systemd.unit.sub_state", change.subState);
  set("systemd.unit.previous_state", change.previousState);
  if (change.kind === "unit.failed") set("systemd.invocation_id", invocationOf(change));
  set("systemd.service.result", change.result);
  set("systemd.service.restarts", change.restarts);
  // ExecMainStatus is an exit status only if the process exited: else it is a signal's number.
  if (change.result === "exit-code") set("process.exit.code", change.exitCode);
  return attributes;
}

/** Returns the run that a unit's change belongs to; "" if it is unknown. */
function invocationOf({ run }: UnitChange): string {
  return run.slice(0, Math.max(0, run.indexOf(" ")));
}
