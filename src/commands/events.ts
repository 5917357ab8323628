import type { Writable } from "node:stream";
import { changeFilter } from "./output/change-filter.ts";
import { humanLines, jsonLine } from "./output/event-lines.ts";
import { LineOutput } from "./output/line-output.ts";
import type { OutputEnd } from "./output/line-output.ts";
import type { EventsConfig } from "../config/config.ts";
import type { Change } from "../domain/change.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import { openRuntime } from "../engine/open-runtime.ts";
import { identifier } from "../engine/format/identity.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import { Fleet } from "../state/fleet.ts";
import { SeriesBudget } from "../state/units/series-budget.ts";
import { unitAdmission } from "../state/units/unit-admission.ts";
import { atMost } from "../platform/time/at-most.ts";
import { Subscription } from "../state/subscription.ts";
import { logChange } from "../app/change-log.ts";
import type { WatchContext } from "../app/context.ts";
import { CLOSE_MS, forgetGone } from "./brief-watch.ts";
import { buildEngineWatch } from "../app/engine.ts";
import { eventReport } from "../app/event-report.ts";

export interface EventsContext extends WatchContext {
  readonly config: EventsConfig;
  /** Aborts to end it. */
  readonly signal: AbortSignal;
  readonly stdout: Writable;
  /** True where lines for people may have colours. */
  readonly colour: boolean;
}

/** Changes that wait for a reader that is slow. */
const MAX_WAITING = 10_000;

/**
 * Writes each change that is wanted, until it is told to end, or nobody reads it any more. Resolves
 * to how the output ended; undefined where the signal ended it.
 *
 * @throws where there is no way to the engine at all
 */
export async function showEvents(context: EventsContext): Promise<OutputEnd | undefined> {
  const { config, clock, log, signal } = context;
  const { systemd, watch } = config;
  const filter = changeFilter(config);
  const queue = new Subscription<Change>({ capacity: MAX_WAITING });
  const changed = (change: Change): void => {
    if (filter.matches(change)) queue.push(change);
    // What is shown needn't be told twice.
    else logChange(change, log);
  };
  const runtime = await openRuntime({ ...config.docker, filters: watch.filters, clock });
  const series = new SeriesBudget(0);
  const fleet = new Fleet({
    events: {
      changed,
      refused: (what) => log.limited(what).warn("too many to keep", { what }),
    },
    admission:
      config.units.length > 0
        ? { shown: filter.unit, series }
        : unitAdmission(systemd.unitInclude, systemd.unitExclude, series),
    identify: identifier(config.node.namePrefix, () => runtime.engine),
  });
  const engine = buildEngineWatch(context, runtime, {
    fleet,
    changed,
    listed: () => log.debug("listed"),
    concerns: ({ identity }) => filter.needsSystemd && filter.container(identity),
  });
  const watched = new WeakSet<ContainerRecord>();
  engine.snapshots.tell = (record) => {
    if (!record.systemd.up || watched.has(record)) return;
    watched.add(record);
    log.debug("watching systemd", { container: record.identity.name });
  };
  using _sweep = forgetGone(fleet, clock);

  const end = (): void => queue.end();
  const output = new LineOutput(context.stdout, end);
  const stop = new AbortController();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const watching = engine.watch.run(stop.signal);

  const writing = writeAll(queue, output, context);
  await untilAborted(writing, signal);
  await atMost(CLOSE_MS, clock, writing);
  stop.abort();
  await atMost(CLOSE_MS, clock, Promise.all([engine.systemd.stopAll(), watching]));
  return output.end;
}

async function writeAll(
  queue: Subscription<Change>,
  output: LineOutput,
  { config, colour, log }: EventsContext,
): Promise<void> {
  const line = config.json ? jsonLine : humanLines({ colour });
  let told = 0;
  const tellDropped = (): void => {
    const dropped = queue.dropped - told;
    if (dropped > 0) log.warn("changes were dropped: the reader is too slow", { dropped });
    told += dropped;
  };
  for await (const change of queue) {
    tellDropped();
    if (!(await output.write(line(eventReport(change))))) break;
  }
  tellDropped();
  await output.flush();
}
