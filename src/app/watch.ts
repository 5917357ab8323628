import type { WatchConfig } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { EngineSource, ReplayingSource } from "../domain/engine-source.ts";
import type { FollowJournal, ReadLines } from "../domain/journal.ts";
import type { Logger } from "../domain/log.ts";
import type { ReadingSource } from "../domain/readings.ts";
import type { ContainerAccess } from "../engine/open-engine.ts";
import { EngineWatch } from "../engine/watch/engine-watch.ts";
import type { EventCursor } from "../engine/watch/event-cursor.ts";
import type { SystemdTransport } from "../domain/systemd.ts";
import { Redactor } from "../platform/data/redactor.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { ManagerRecord } from "../state/containers/user-manager.ts";
import type { EventBus } from "../state/event-bus.ts";
import type { Fleet } from "../state/fleet.ts";
import { unitFilter } from "../state/units/unit-admission.ts";
import { hostLines, hostSource, hostUserSource } from "../systemd/transport/host.ts";
import { findHostSystem } from "../systemd/transport/host-system.ts";
import { OwnCommands } from "../systemd/transport/own-commands.ts";
import {
  journalFollower,
  journalLines,
  systemdSource,
  type SystemdSourceOptions,
} from "../systemd/transport/source.ts";
import { userSource } from "../systemd/transport/user-source.ts";
import { SystemdWatches } from "../systemd/watch/systemd-watches.ts";
import { UserWatches } from "../systemd/watch/user-watches.ts";

export interface WatchOptions {
  readonly config: Pick<WatchConfig, "journal" | "systemd">;
  readonly access: ContainerAccess;
  readonly fleet: Fleet;
  readonly cursor: EventCursor;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
  /** Wraps the source that the engine is watched through. Default: the source itself. */
  readonly through?: ((source: ReplayingSource) => EngineSource) | undefined;
  /** True if the container's systemd is to be watched, should it run one. Default: always. */
  readonly watchesSystemd?: ((record: ContainerRecord) => boolean) | undefined;
}

/** The watch of the engine, and of systemd in its containers. */
export interface Watch {
  readonly engine: EngineWatch;
  /**
   * Returns a function that reads lines of the units of the container's systemd, or of a user's manager
   * in it, from its journal; undefined if it runs no systemd now.
   */
  readonly linesOf: (record: ContainerRecord, user?: string) => ReadLines | undefined;
  /** Returns a function that follows the container's journal; undefined if that isn't possible. */
  readonly followerOf: (record: ContainerRecord) => FollowJournal | undefined;
  /** Returns the way to read what no signal of a systemd carries, if there is one now. */
  readonly readingsOf: (manager: ManagerRecord) => ReadingSource | undefined;
  /** Starts the watch of the host's systemd, if it is to be watched. */
  readonly startHost: () => void;
  /** Stops the watch of every systemd; resolves when all have ended. */
  readonly stopSystemd: () => Promise<void>;
}

/** A node has its bus within this time of its start, if it has one; usually it takes a second. */
const BOOT_NS = 10_000_000_000n;

/**
 * Builds the watches, which publish to the bus. The watch of the engine starts with its `run`; each
 * container that it reads starts, wakes or stops the watch of the container's systemd.
 */
export function buildWatch(options: WatchOptions): Watch {
  const { config, access, fleet, cursor, bus, clock, log, through, watchesSystemd } = options;
  const { runtime, source, look } = access;
  const engine = new EngineWatch({
    source: through === undefined ? source : through(source),
    fleet,
    cursor,
    bus,
    clock,
    log,
  });
  const commands = new OwnCommands({
    runtime,
    nameOf: (id) => fleet.get(id)?.identity.name ?? id,
    clock,
    log,
  });
  const wayInto = (record: ContainerRecord): SystemdSourceOptions => {
    const { id } = record.identity;
    return {
      runtime: commands,
      runsCommands: runtime.kind !== "proc",
      clock,
      container: id,
      pid: () => record.pid,
      process: () => record.process,
      startedAtNs: record.startedAtNs,
      cgroups: (signal) => runtime.cgroups(id, signal),
      hasBooted: () => clock.nowNs() - record.startedAtNs > BOOT_NS,
      isPaused: () => record.paused,
    };
  };
  const { host: watchesHost, hostBus } = config.systemd;
  const host = watchesHost ? findHostSystem() : undefined;
  const users = new UserWatches({
    bus,
    clock,
    log,
    sourceOf(record, user) {
      const { id, isHost } = record.identity;
      if (isHost === true) return host && hostUserSource({ host, user, clock });
      const source = userSource(config.systemd.transport, { ...wayInto(record), user });
      return source && commands.sweeping(source, id);
    },
  });
  const systemd = new SystemdWatches({
    bus,
    clock,
    log,
    users: config.systemd.users ? users : undefined,
    sourceOf(record) {
      const { id, isHost } = record.identity;
      if (isHost === true) return host && hostSource({ host, bus: hostBus, clock });
      const source = systemdSource(config.systemd.transport, wayInto(record));
      return source && commands.sweeping(source, id);
    },
  });
  const redactor = new Redactor(config.journal.redact);
  const linesOf = (record: ContainerRecord, user?: string): ReadLines | undefined => {
    if (!record.alive || record.runsSystemd !== true) return undefined;
    if (record.identity.isHost === true) return host && hostLines({ host, user, redactor, clock });
    const watchedOver = (): SystemdTransport | undefined => record.systemd.transport;
    return journalLines({ ...wayInto(record), redactor, watchedOver, user });
  };
  const isWanted = unitFilter(config.systemd.unitInclude, config.systemd.unitExclude);
  const followerOf = (record: ContainerRecord): FollowJournal | undefined => {
    const { id, isHost } = record.identity;
    if (isHost === true || config.systemd.transport === "off") return undefined;
    const watchedOver = (): SystemdTransport | undefined => record.systemd.transport;
    const follow = journalFollower({ ...wayInto(record), redactor, isWanted, watchedOver });
    return commands.sweepingFollow(follow, id);
  };
  bus.subscribe("change", ({ kind, identity }) => {
    // A stream that ends can be the first sign of a container's end.
    if (kind === "monitor.lost" && identity !== undefined) look?.(identity.id);
  });
  bus.subscribe("stateRead", (read) => {
    if (read.source !== "engine") return;
    if (watchesSystemd === undefined || watchesSystemd(read.record)) systemd.sync(read.record);
  });
  const startHost = (): void => {
    if (host === undefined) return;
    const { name, id } = host;
    if (!host.hasSystemd && hostBus === undefined) {
      log.warn("host not watched, it runs no systemd", { host: name });
      return;
    }
    systemd.sync(fleet.addHost(hostIdentity(name, id)));
  };
  const stopSystemd = async (): Promise<void> => {
    await systemd.stopAll();
    commands.killLeft();
  };
  const readingsOf = (manager: ManagerRecord) => systemd.readingsOf(manager);
  return { engine, linesOf, followerOf, readingsOf, startHost, stopSystemd };
}

function hostIdentity(name: string, id: string): ContainerIdentity {
  return { id, name, node: name, cluster: "", image: "", runtime: "", isHost: true };
}
