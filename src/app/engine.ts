import type { ContainerRuntime } from "../domain/runtime.ts";
import { DockerEngineSource } from "../sources/docker-engine.ts";
import { identifier } from "../sources/identity.ts";
import { systemdSource } from "../sources/systemd-source.ts";
import type { ContainerRecord } from "../state/container-record.ts";
import type { Fleet } from "../state/fleet.ts";
import type { Store } from "../storage/store.ts";
import { EngineWatch } from "../watch/engine-watch.ts";
import type { Hub } from "../watch/hub.ts";
import { SystemdWatches } from "../watch/systemd-watches.ts";
import type { AppContext } from "./context.ts";

/** The watch of the engine, and of systemd in its containers. */
export interface WatchedEngine {
  readonly watch: EngineWatch;
  readonly systemd: SystemdWatches;
  /** Who counts what can't be read; set once that is built. */
  readonly parseErrors: { tell: (source: "docker" | "systemd") => void };
  /** Who is told that a container's state was read anew; set once that is built. */
  readonly snapshots: { tell: (record: ContainerRecord) => void };
}

/** Builds what watches; nothing of it runs yet. */
export function buildEngineWatch(
  context: AppContext,
  runtime: ContainerRuntime,
  told: {
    readonly fleet: Fleet;
    readonly hub: Hub;
    readonly store: Store;
    /** Told each time that a complete listing was folded in. */
    readonly listed: () => void;
  },
): WatchedEngine {
  const { config, clock, log } = context;
  const { fleet, hub, store, listed } = told;
  const parseErrors: WatchedEngine["parseErrors"] = { tell: () => {} };
  const snapshots: WatchedEngine["snapshots"] = { tell: () => {} };
  const systemd = new SystemdWatches({
    clock,
    log,
    changed: hub.publish,
    parseError: () => parseErrors.tell("systemd"),
    snapshotted: (record) => snapshots.tell(record),
    sourceOf: (record) =>
      systemdSource(config.systemd.transport, { runtime, clock, container: record.identity.id }),
  });
  const watch = new EngineWatch({
    source: new DockerEngineSource(
      runtime,
      identifier(config.node.namePrefix, () => runtime.engine),
      config.watch.filters,
    ),
    fleet,
    clock,
    log,
    resume: store.restored?.cursor,
    touched: (record) => {
      systemd.sync(record);
      store.touch(record.identity.id);
      snapshots.tell(record);
    },
    settled: () => {
      void store.flush();
      listed();
    },
    changed: hub.publish,
    parseError: () => parseErrors.tell("docker"),
  });
  return { watch, systemd, parseErrors, snapshots };
}
