import type { Clock } from "../domain/clock.ts";
import type { OwnMetrics } from "../metrics/own-metrics.ts";
import type { HeapGrowth } from "../platform/process/heap-growth.ts";
import type { EventBus } from "../state/event-bus.ts";
import type { Store } from "../storage/store.ts";
import type { ChangeLog } from "./change-log.ts";
import type { ServiceNotifier } from "./service-manager.ts";
import type { StartupLog } from "./startup-log.ts";
import type { Status } from "./status.ts";

export interface Subscribers {
  readonly own: OwnMetrics;
  readonly store: Pick<Store, "touch" | "flush">;
  readonly status: Pick<Status, "changed" | "linesRead" | "stateRead">;
  readonly startup: Pick<StartupLog, "listed" | "stateRead">;
  readonly service: Pick<ServiceNotifier, "ready">;
  readonly heap: Pick<HeapGrowth, "fitTo">;
  readonly changeLog: Pick<ChangeLog, "changed">;
  readonly isReady: () => boolean;
  readonly clock: Clock;
}

/** Subscribes the parts that don't know the bus. An event reaches them in the order of these lines. */
export function subscribeParts(bus: EventBus, parts: Subscribers): void {
  const { own, store, status, startup, service, heap, isReady, changeLog, clock } = parts;

  bus.subscribe("change", (change) => own.changed(change, clock.nowNs()));
  bus.subscribe("change", changeLog.changed);
  bus.subscribe("change", ({ identity }) => {
    if (identity !== undefined) store.touch(identity.id);
  });
  bus.subscribe("change", status.changed);

  bus.subscribe("stateRead", ({ record, source }) => {
    // A listing of systemd is stored with the next change, unless that is all there is.
    const { id, isHost } = record.identity;
    if (source === "engine" || isHost === true) store.touch(id);
    if (isHost === true && isReady()) service.ready();
  });
  bus.subscribe("stateRead", ({ record }) => status.stateRead(record));
  bus.subscribe("stateRead", ({ record }) => startup.stateRead(record));

  bus.subscribe("failureLines", status.linesRead);

  bus.subscribe("listed", ({ containers }) => heap.fitTo(containers));
  bus.subscribe("listed", () => void store.flush());
  bus.subscribe("listed", () => startup.listed());
  bus.subscribe("listed", () => service.ready());
  // Without an engine, the host alone may make it ready.
  bus.subscribe("change", ({ identity }) => {
    if (identity === undefined && isReady()) service.ready();
  });

  bus.subscribe("parseError", ({ source }) => own.parseError(source));
  bus.subscribe("dropped", ({ stage, count, reason }) => {
    own.dropped(stage, count);
    if (reason !== undefined) own.exportFailed("logs", reason);
  });
}
