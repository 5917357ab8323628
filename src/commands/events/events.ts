/**
 * `unitwatch events`: prints each matching change to stdout.
 *
 * `change-filter.ts` selects changes, `event-lines.ts` formats them. Changes wait in a queue of 10,000
 * for a slow client; a full queue drops its oldest change and logs how many.
 *
 * May import what app imports, app, and the shared files of commands.
 */
import type { Writable } from "node:stream";
import { logChange } from "../../app/change-log.ts";
import { eventReport } from "../../app/event-report.ts";
import type { EventsConfig } from "../../config/config.ts";
import type { Change } from "../../domain/change.ts";
import type { Clock } from "../../domain/clock.ts";
import { logged } from "../../domain/container-name.ts";
import type { Logger } from "../../domain/log.ts";
import { atMost } from "../../platform/time/at-most.ts";
import { untilAborted } from "../../platform/time/until-aborted.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import { Subscription } from "../../state/subscription.ts";
import { SeriesBudget } from "../../state/units/series-budget.ts";
import { unitAdmission } from "../../state/units/unit-admission.ts";
import { CLOSE_MS, onAbort, openCommandWatch } from "../command-watch.ts";
import { LineOutput } from "../line-output.ts";
import type { OutputEnd } from "../line-output.ts";
import { changeFilter } from "./change-filter.ts";
import { humanLines, jsonLine } from "./event-lines.ts";

export interface EventsOptions {
  readonly config: EventsConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts to end the command. */
  readonly signal: AbortSignal;
  readonly stdout: Writable;
  /** True if human-readable lines may have colours. */
  readonly colour: boolean;
}

/** A change, and the other names of its unit that were requested. */
interface Printed {
  readonly change: Change;
  readonly aliases: readonly string[];
}

/** Changes queued for a slow client of stdout. */
const MAX_QUEUED = 10_000;

/**
 * Writes each matching change to stdout until the signal aborts or stdout closes. Resolves to how
 * stdout ended; undefined if the signal ended the command.
 *
 * @throws if the configuration names no usable way to the engine
 */
export async function showEvents(options: EventsOptions): Promise<OutputEnd | undefined> {
  const { config, clock, log, signal } = options;
  const { unitInclude, unitExclude } = config.systemd;
  const aliasesOf = ({ unit, identity }: Change): readonly string[] => {
    const record = unit === "" ? undefined : watch.fleet.get(identity?.id ?? "");
    return identity?.user === undefined ? (record?.systemd.names.aliasesOf(unit) ?? []) : [];
  };
  const filter = changeFilter({ ...config, aliasesOf });
  const series = new SeriesBudget(0);
  const watch = await openCommandWatch({
    config,
    clock,
    log,
    admission:
      config.units.length > 0
        ? { shown: filter.unit, series, names: filter.unitNames }
        : unitAdmission(unitInclude, unitExclude, series),
    watchesSystemd: ({ identity }) => filter.needsSystemd && filter.container(identity),
  });
  const queue = new Subscription<Printed>({ capacity: MAX_QUEUED });
  watch.bus.subscribe("change", (change) => {
    if (filter.matches(change)) queue.push({ change, aliases: aliasesOf(change) });
    // A change that is printed needs no log line.
    else logChange(change, log);
  });
  const watched = new WeakSet<ContainerRecord>();
  watch.bus.subscribe("stateRead", ({ record }) => {
    if (!record.systemd.up || watched.has(record)) return;
    watched.add(record);
    log.debug("watching systemd", logged(record.identity));
  });
  watch.bus.subscribe("listed", () => log.debug("containers listed"));
  watch.bus.subscribe("dropped", ({ stage }) => {
    log.limited(stage).warn("state bound reached", { stage });
  });

  const end = (): void => queue.end();
  const output = new LineOutput(options.stdout, end);
  onAbort(signal, end);
  watch.start();
  try {
    const writing = writeAll(queue, output, options);
    await untilAborted(writing, signal);
    await atMost(CLOSE_MS, clock, writing);
  } finally {
    await watch.stop();
  }
  return output.end;
}

async function writeAll(
  queue: Subscription<Printed>,
  output: LineOutput,
  { config, colour, log }: EventsOptions,
): Promise<void> {
  const line = config.json ? jsonLine : humanLines({ colour });
  let logged = 0;
  const logDropped = (): void => {
    const dropped = queue.dropped - logged;
    if (dropped > 0) log.warn("changes dropped", { dropped });
    logged += dropped;
  };
  for await (const { change, aliases } of queue) {
    logDropped();
    if (!(await output.write(line(eventReport(change), aliases)))) break;
  }
  logDropped();
  await output.flush();
}
