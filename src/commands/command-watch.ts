/**
 * The commands that watch: `wait/`, `events/` and `status/` have the rules of each command, this folder has the
 * parts they share. A command's watch has no metrics, exports or store, and ends with its command.
 *
 * May import app and what app imports; only program.ts imports the commands.
 */
import { buildWatch } from "../app/watch.ts";
import type { Watch, WatchOptions } from "../app/watch.ts";
import type { WatchConfig } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { EngineSource, ReplayingSource } from "../domain/engine-source.ts";
import type { Logger } from "../domain/log.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { openEngine } from "../engine/open-engine.ts";
import type { EngineWatch } from "../engine/watch/engine-watch.ts";
import { EventCursor } from "../engine/watch/event-cursor.ts";
import { atMost } from "../platform/time/at-most.ts";
import { every } from "../platform/time/every.ts";
import { EventBus, fleetEvents } from "../state/event-bus.ts";
import { Fleet } from "../state/fleet.ts";
import type { UnitAdmission } from "../state/units/unit-admission.ts";

/** Limit for the streams to close, and for a client to read the last lines. */
export const CLOSE_MS = 1_000;

const SWEEP_MS = 10_000;
/** How long a destroyed container is kept, for changes that come late. */
const KEEP_MS = 60_000;
const RETENTION_NS = BigInt(KEEP_MS) * 1_000_000n;

export interface CommandWatchOptions {
  readonly config: WatchConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Units whose changes are published. */
  readonly admission: UnitAdmission;
  readonly watchesSystemd: NonNullable<WatchOptions["watchesSystemd"]>;
  /** False if no container is watched, so that no engine is needed. Default: true. */
  readonly watchesEngine?: boolean;
  /** Wraps the source that the engine is watched through. Default: the source itself. */
  readonly through?: (source: ReplayingSource, runtime: ContainerRuntime) => EngineSource;
}

/** A watch that runs for as long as its command. */
export interface CommandWatch {
  readonly bus: EventBus;
  readonly fleet: Fleet;
  readonly linesOf: Watch["linesOf"];
  readonly readingsOf: Watch["readingsOf"];
  readonly engine: Pick<EngineWatch, "up" | "listed" | "sinceNs">;
  /** Name of the engine, as far as it is known by now. */
  readonly runtime: string;
  /** Starts to watch. A subscriber that is added later misses events. */
  start(): void;
  /** Resolves when every stream has ended; after {@link CLOSE_MS} those that are left are cut. */
  stop(): Promise<void>;
}

/**
 * Opens the way to the engine and builds the watch.
 *
 * @throws if the configuration names no usable way to the engine
 */
export async function openCommandWatch(options: CommandWatchOptions): Promise<CommandWatch> {
  const { config, clock, log, admission, watchesSystemd, watchesEngine = true, through } = options;
  const bus = new EventBus(log);
  const access = await openEngine({
    ...config.docker,
    filters: config.watch.filters,
    namePrefix: config.node.namePrefix,
    keepMs: KEEP_MS,
    dropped: (stage, count) => bus.publish("dropped", { stage, count }),
    clock,
    log,
  });
  const { runtime, identify } = access;
  const fleet = new Fleet({
    events: fleetEvents(bus),
    admission,
    identify,
  });
  const { engine, linesOf, readingsOf, startHost, stopSystemd } = buildWatch({
    config,
    access,
    fleet,
    cursor: new EventCursor(),
    bus,
    clock,
    log,
    watchesSystemd,
    through: through && ((source) => through(source, runtime)),
  });
  const sweep = every(SWEEP_MS, clock, () => fleet.forgetDestroyed(clock.nowNs() - RETENTION_NS));
  const end = new AbortController();
  let running: Promise<void> | undefined;
  return {
    bus,
    fleet,
    engine,
    linesOf,
    readingsOf,
    get runtime() {
      return runtime.engine;
    },
    start() {
      if (running !== undefined) return;
      startHost();
      running = watchesEngine ? engine.run(end.signal) : Promise.resolve();
    },
    async stop() {
      sweep[Symbol.dispose]();
      end.abort();
      await atMost(CLOSE_MS, clock, Promise.all([stopSystemd(), running]));
      runtime.close();
    },
  };
}

/** Calls `run` once, when `signal` aborts or at once if it has. */
export function onAbort(signal: AbortSignal, run: () => void): void {
  signal.addEventListener("abort", run, { once: true });
  if (signal.aborted) run();
}
