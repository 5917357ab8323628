import type { Change } from "../domain/change.ts";
import type { EngineSource } from "../domain/engine-source.ts";
import type { CursorResume } from "../domain/resume.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { DockerEngineSource } from "../engine/docker-engine.ts";
import { identifier } from "../engine/format/identity.ts";
import { systemdSource } from "../systemd/transport/systemd-source.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { Fleet } from "../state/fleet.ts";
import { EngineWatch } from "../engine/watch/engine-watch.ts";
import { SystemdWatches } from "../systemd/watch/systemd-watches.ts";
import type { WatchContext } from "./context.ts";

/** The watch of the engine, and of systemd in its containers. */
export interface WatchedEngine {
  readonly watch: EngineWatch;
  readonly systemd: SystemdWatches;
  /** Who counts what can't be read; set once that is built. */
  readonly parseErrors: { tell: (source: "docker" | "inspect" | "systemd") => void };
  /** Who is told that a container's state was read anew; set once that is built. */
  readonly snapshots: { tell: (record: ContainerRecord) => void };
}

/** Whom the watch works for. */
export interface WatchClient {
  readonly fleet: Fleet;
  readonly changed: (change: Change) => void;
  /** Told of each container whose state changed, or what is kept of it. */
  readonly touched?: (record: ContainerRecord) => void;
  /** Told each time that a complete listing was folded in. */
  readonly listed: () => void;
  /** Where an earlier process was; undefined: watching begins now. */
  readonly resume?: CursorResume | undefined;
  /** What the engine is asked through. Default: the source that is given. */
  readonly through?: (source: Required<EngineSource>) => EngineSource;
  /** Whether systemd in this container is to be watched, if it runs there. Default: in all. */
  readonly concerns?: (record: ContainerRecord) => boolean;
}

/** After this long a node has its bus, if it has one; it takes a second, and more on a busy host. */
const BOOT_NS = 10_000_000_000n;

/** Builds what watches; nothing of it runs yet. */
export function buildEngineWatch(
  context: WatchContext,
  runtime: ContainerRuntime,
  client: WatchClient,
): WatchedEngine {
  const { config, clock, log } = context;
  const { fleet, changed, through, concerns } = client;
  const parseErrors: WatchedEngine["parseErrors"] = { tell: () => {} };
  const snapshots: WatchedEngine["snapshots"] = { tell: () => {} };
  const systemd = new SystemdWatches({
    clock,
    log,
    changed,
    parseError: () => parseErrors.tell("systemd"),
    snapshotted: (record) => snapshots.tell(record),
    sourceOf: (record) =>
      systemdSource(config.systemd.transport, {
        runtime,
        clock,
        container: record.identity.id,
        hasBooted: () => clock.nowNs() - record.startedAtNs > BOOT_NS,
      }),
  });
  const source = new DockerEngineSource(
    runtime,
    identifier(config.node.namePrefix, () => runtime.engine),
    config.watch.filters,
  );
  const watch = new EngineWatch({
    source: through === undefined ? source : through(source),
    fleet,
    clock,
    log,
    resume: client.resume,
    touched: (record) => {
      if (concerns === undefined || concerns(record)) systemd.sync(record);
      client.touched?.(record);
      snapshots.tell(record);
    },
    settled: client.listed,
    changed,
    parseError: () => parseErrors.tell("docker"),
    uninspected: () => parseErrors.tell("inspect"),
  });
  return { watch, systemd, parseErrors, snapshots };
}
