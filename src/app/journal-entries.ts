import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { Logger } from "../domain/log.ts";
import type { EventBus } from "../state/event-bus.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import { unitFilter } from "../state/units/unit-admission.ts";
import type { Store } from "../storage/store.ts";
import { JournalFollows } from "../systemd/watch/journal-follows.ts";
import type { Watch } from "./watch.ts";

type FollowConfig = Pick<Config, "journal" | "otlp" | "systemd">;

export interface JournalEntriesOptions {
  readonly config: FollowConfig;
  readonly watch: Pick<Watch, "followerOf">;
  readonly store: Pick<Store, "touch">;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns true if whole journals are followed, which is of use only where records are exported. */
export function followsJournals({ journal, otlp, systemd }: FollowConfig): boolean {
  return journal.records === "all" && otlp.logs !== undefined && systemd.transport !== "off";
}

/**
 * Returns whether the entries of a container's unit come from its journal as that is followed. While it can't
 * be, those of a failure come as with `failures`.
 */
export function entryFilter(
  config: FollowConfig,
  recordOf: (id: string) => Pick<ContainerRecord, "journalUp"> | undefined,
): (identity: ContainerIdentity, unit: string) => boolean {
  const follows = followsJournals(config);
  const shown = unitFilter(config.systemd.unitInclude, config.systemd.unitExclude);
  return ({ id, isHost }, unit) =>
    follows && isHost !== true && shown(unit) && recordOf(id)?.journalUp !== false;
}

/** Follows the journals of all containers with systemd, if that is set. Disposing it ends that. */
export function followJournals(options: JournalEntriesOptions): AsyncDisposable {
  const { config, watch, store, bus, clock, log } = options;
  if (!followsJournals(config)) return { async [Symbol.asyncDispose]() {} };
  const follows = new JournalFollows({
    followerOf: watch.followerOf,
    moved: ({ identity }) => store.touch(identity.id),
    bus,
    clock,
    log,
  });
  bus.subscribe("stateRead", ({ record }) => follows.sync(record));
  return follows;
}
