import { HEALTH_STATUSES } from "../../domain/container.ts";
import type { EngineEvent } from "../../domain/engine-event.ts";
import { EventKind } from "../../domain/event.ts";
import type { ContainerChanges } from "./container-changes.ts";
import type { ContainerRecord } from "./container-record.ts";
import { parseExitCode } from "./exit-code.ts";

/**
 * Applies one event of the engine to the container it is about. An event that is older than what
 * is known of the status is counted and told, and changes no state.
 */
export function applyEvent(
  record: ContainerRecord,
  event: EngineEvent,
  changes: ContainerChanges,
): void {
  const { timeNs } = event;
  switch (event.action) {
    case "create":
      if (record.isNews(timeNs)) record.status = "created";
      record.restartsSeen ??= 0;
      changes.plain(record, EventKind.ContainerCreate, { timeNs });
      break;
    case "start":
      started(record, event, changes);
      break;
    case "die":
      died(record, event, changes);
      break;
    case "oom":
      // The engine may tell of a kill only after inspect did: that is the same one.
      if (record.oom !== "inferred") changes.oom(record, { timeNs });
      record.oom = "event";
      break;
    case "pause":
      if (record.isNews(timeNs)) record.status = "paused";
      changes.plain(record, EventKind.ContainerPause, { timeNs });
      break;
    case "unpause":
      if (record.isNews(timeNs)) record.status = "running";
      changes.plain(record, EventKind.ContainerUnpause, { timeNs });
      break;
    default:
      if (event.action.startsWith("health_status")) health(record, event, changes);
  }
}

function started(record: ContainerRecord, event: EngineEvent, changes: ContainerChanges): void {
  const { timeNs } = event;
  if (!record.lives.started(timeNs)) return;
  if (record.isNews(timeNs)) {
    record.status = "running";
    record.startedAtNs = timeNs;
    record.oom = "none";
  }
  changes.started(record, { timeNs });
}

function died(record: ContainerRecord, event: EngineEvent, changes: ContainerChanges): void {
  const { timeNs } = event;
  const exitCode = parseExitCode(event.attributes.get("exitCode"));
  const isCounted = !record.lives.ended(timeNs);
  // The engine tells of one container in order, whatever its clock was set to meanwhile.
  if (!isCounted || timeNs >= record.finishedAtNs) {
    // Where a snapshot told of the end first, its time is the better one, and its code may be none.
    if (!isCounted) record.finishedAtNs = timeNs;
    record.lastExitCode = exitCode;
  }
  if (isCounted) return;
  if (record.isNews(timeNs)) {
    record.status = "exited";
    record.health = undefined;
    record.systemd.ended();
  }
  changes.died(record, exitCode, { timeNs });
}

function health(record: ContainerRecord, event: EngineEvent, changes: ContainerChanges): void {
  const word = event.action.slice(event.action.indexOf(":") + 1).trim();
  const health = HEALTH_STATUSES.find((status) => status === word);
  if (health === undefined || health === record.health) return;
  record.health = health;
  record.hasHealthCheck = true;
  changes.tell(record, {
    kind: EventKind.ContainerHealth,
    timeNs: event.timeNs,
    detail: `health=${health}`,
    health,
  });
}
