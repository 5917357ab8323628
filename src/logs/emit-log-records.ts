import { randomUUID } from "node:crypto";
import type { Logger, LogRecord } from "@opentelemetry/api";
import { diag } from "@opentelemetry/api";
import type { Change } from "../domain/change.ts";
import type { HealthStatus } from "../domain/container.ts";
import type { Event } from "../domain/event.ts";
import { isActiveState } from "../domain/unit.ts";
import { systemClock } from "../platform/time/clock.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import { logRecordOf } from "./log-record.ts";

export interface EmitLogRecordsOptions {
  /** Ends the emission. The promise resolves then. */
  readonly signal?: AbortSignal | undefined;
}

/** Identifies this process in the uids of `monitor.*` records. */
const INSTANCE = randomUUID();

/**
 * Emits an OpenTelemetry log record for each event, as the sidecar does, through the caller's logger:
 * `provider.getLogger("unitwatch", version)`. The caller keeps, flushes and shuts down the provider.
 *
 * Resolves when the events end, or when the signal aborts, after which it emits nothing. It always
 * closes the events, as a `for await` loop does.
 *
 * @throws what the events or the logger throw. Errors of the events after the abort go to the API's
 *   `diag` logger
 */
export async function emitLogRecords(
  events: AsyncIterable<Event>,
  logger: Logger,
  { signal }: EmitLogRecordsOptions = {},
): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  // Only systemd's events have a unit.
  const systemdContainers = new Set<string>();
  while (!isAborted(signal)) {
    const next = iterator.next();
    const result = await untilAborted(next, signal);
    if (isAborted(signal)) {
      void reportFailure(next);
      break;
    }
    if (result === undefined || result.done === true) return;
    const { container, kind, unit } = result.value;
    if (unit !== "") systemdContainers.add(container);
    try {
      logger.emit(recordOf(result.value, systemdContainers.has(container)));
    } catch (error) {
      await reportFailure(iterator.return?.());
      throw error;
    }
    if (kind === "container.destroy") systemdContainers.delete(container);
  }
  // Unawaited: a generator's `return()` waits for its pending `next()`, perhaps for ever.
  void reportFailure(iterator.return?.());
}

/** A function, because the compiler would consider `aborted` constant in a loop. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

async function reportFailure(work: PromiseLike<unknown> | undefined): Promise<void> {
  try {
    await work;
  } catch (error) {
    diag.warn("unitwatch: events failed after emitLogRecords had ended", error);
  }
}

function recordOf(event: Event, runsSystemd: boolean): LogRecord {
  const record = logRecordOf(changeOf(event, runsSystemd), {
    observedNs: systemClock.nowNs(),
    instance: INSTANCE,
  });
  // A Watcher knows a container's name alone.
  const {
    "container.id": _id,
    "container.image.name": _image,
    "unitwatch.cluster": _cluster,
    ...attributes
  } = record.attributes ?? {};
  return { ...record, attributes };
}

/** Completes an event to a change by its detail. The container's name replaces its unknown id. */
function changeOf(event: Event, runsSystemd: boolean): Change {
  const { kind, node, container, unit, timeNs } = event;
  const detail = event.detail;
  const identity = {
    id: container,
    name: container,
    node,
    cluster: "",
    image: "",
    runtime: "docker",
  };
  const common = { node, container, unit, timeNs, detail, identity, recovered: false };
  const value = detail.slice(detail.indexOf("=") + 1);
  switch (kind) {
    case "container.die":
      return {
        ...common,
        kind,
        exitCode: /^\d+$/.test(value) ? Number(value) : undefined,
        runsSystemd,
      };
    case "container.health":
      return { ...common, kind, health: value as HealthStatus };
    case "container.create":
    case "container.start":
    case "container.stop":
    case "container.oom":
    case "container.pause":
    case "container.unpause":
    case "container.destroy":
    case "container.restart":
    case "system.soft_reboot":
      return { ...common, kind };
    case "unit.active":
    case "unit.failed":
    case "unit.inactive":
    case "unit.activating":
    case "unit.deactivating":
    case "unit.reloading":
    case "unit.restart":
    case "unit.removed":
      return {
        ...common,
        kind,
        activeState: isActiveState(value) ? value : undefined,
        subState: undefined,
        previousState: undefined,
        result: undefined,
        exitCode: undefined,
        restarts: undefined,
        run: "",
      };
    case "system.state":
      return { ...common, kind, systemState: value, previousState: undefined };
    case "monitor.lost":
    case "monitor.recovered":
    case "monitor.error":
      return { ...common, kind, identity: container === "" ? undefined : identity };
    default:
      return kind satisfies never;
  }
}
