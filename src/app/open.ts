import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import { type ContainerAccess, openEngine } from "../engine/open-engine.ts";
import { EventCursor } from "../engine/watch/event-cursor.ts";
import { type EventBus, fleetEvents } from "../state/event-bus.ts";
import { Fleet } from "../state/fleet.ts";
import { SeriesBudget } from "../state/units/series-budget.ts";
import { unitAdmission } from "../state/units/unit-admission.ts";
import { openStore } from "../storage/store.ts";
import type { Store, StoreOptions } from "../storage/store.ts";
import { followsJournals } from "./journal-entries.ts";

export interface OpenOptions {
  readonly config: Config;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The state, as an earlier process left it, with the way to the engine and the store. */
export interface Opened {
  readonly access: ContainerAccess;
  readonly series: SeriesBudget;
  readonly fleet: Fleet;
  readonly cursor: EventCursor;
  readonly store: Store;
}

/**
 * Opens the way to the engine and the store, and restores the state from the store.
 *
 * @throws if the configuration names no usable way to the engine
 */
export async function openParts({ config, bus, clock, log }: OpenOptions): Promise<Opened> {
  const { docker, metrics, node, storage, systemd, watch } = config;
  const access = await openEngine({
    ...docker,
    filters: watch.filters,
    namePrefix: node.namePrefix,
    keepMs: metrics.retentionMs,
    dropped: (stage, count) => bus.publish("dropped", { stage, count }),
    clock,
    log,
  });
  const groups = new Set(systemd.transport === "off" ? [] : metrics.collect);
  const hasUsage = config.containers.stats;
  const series = new SeriesBudget(metrics.seriesLimit, () => clock.nowNs(), { groups, hasUsage });
  const fleet = new Fleet({
    events: fleetEvents(bus),
    admission: unitAdmission(systemd.unitInclude, systemd.unitExclude, series),
    identify: access.identify,
    watchesContainers: systemd.transport !== "off",
  });
  const cursor = new EventCursor();
  const store = await openStore({
    path: storage.path,
    scope: JSON.stringify(
      access.runtime.kind === "proc"
        ? [access.runtime.kind, watch.filters]
        : [docker.host, docker.context, watch.filters],
    ),
    clock,
    log,
    // The host is watched before the engine is reached.
    cursor: () => cursor.resume({ isEarly: fleet.host !== undefined }),
    container: (id) => fleet.get(id)?.resume(),
    ...(config.otlp.logs === undefined
      ? {}
      : { queue: queueOptions(storage.queueBytes, bus, log) }),
  });
  if (store.restored !== undefined) {
    const { containers, cursor: position } = store.restored;
    const isListed = position.isListed !== false;
    const follows = followsJournals(config);
    // Entries from a time in which no journal was followed aren't wanted later.
    const restored = containers.map((each) => ({
      ...each,
      ...(follows ? {} : { journal: undefined }),
      ...(systemd.users ? {} : { users: undefined }),
    }));
    fleet.restore(restored, isListed);
    if (isListed) cursor.restore(position);
    const host = containers.find(({ identity }) => identity.isHost === true);
    // Else what happens from now on would count as missed, should the host be watched again.
    if (host !== undefined && !systemd.host) store.touch(host.identity.id);
  }
  return { access, series, fleet, cursor, store };
}

function queueOptions(
  maxBytes: number,
  bus: EventBus,
  log: Logger,
): NonNullable<StoreOptions["queue"]> {
  return {
    maxBytes,
    dropped(records, reason) {
      bus.publish("dropped", { stage: "otlp_queue", count: records, reason });
      log.limited("otlp-queue").warn("queued log records dropped", { reason, records });
    },
  };
}
