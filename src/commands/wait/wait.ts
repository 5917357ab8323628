/**
 * `unitwatch wait`: watches until containers, units or systemd are in the states of its goal.
 *
 * `findings.ts` compares the goal with the state, `waiter.ts` decides when the wait is over,
 * `outcome-text.ts` prints the outcome, with what `unit-details.ts` reads about units that aren't as they
 * should be. The goal counts as true as soon as it is true for one moment;
 * nothing counts as true while the engine is down.
 *
 * May import what app imports, app, and the shared files of commands.
 */
import type { Writable } from "node:stream";
import { logChange } from "../../app/change-log.ts";
import type { WaitConfig } from "../../config/config.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { atMost } from "../../platform/time/at-most.ts";
import { SeriesBudget } from "../../state/units/series-budget.ts";
import { CLOSE_MS, type CommandWatch, onAbort, openCommandWatch } from "../command-watch.ts";
import { LineOutput } from "../line-output.ts";
import type { Missing } from "./findings.ts";
import { NamedContainers } from "./named-containers.ts";
import { outcomeText } from "./outcome-text.ts";
import { readUnitDetails } from "./unit-details.ts";
import type { UnitDetails } from "./unit-details.ts";
import { Waiter } from "./waiter.ts";
import type { WaitOutcome } from "./waiter.ts";
import { WatchView } from "./watch-view.ts";

export interface WaitOptions {
  readonly config: WaitConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts to end the wait. */
  readonly signal: AbortSignal;
  /** When the process started: monotonic milliseconds. */
  readonly sinceMs: number;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Name of the signal that aborted the wait. */
  readonly by: () => string | undefined;
}

const SILENT: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => SILENT,
  limited: () => SILENT,
};

/**
 * Watches until the goal is true, is out of reach, or the time is over, and prints the outcome.
 *
 * @throws if the configuration names no usable way to the engine
 */
export async function runWait(options: WaitOptions): Promise<WaitOutcome> {
  const { config, clock, signal, sinceMs } = options;
  const { containers: names, units, system, timeoutMs, keepWaiting } = config;
  const watchesEngine = config.host !== "alone";
  const log = config.quiet ? SILENT : options.log;
  const isFiltered = config.watch.filters.length > 0;
  const watch = await openCommandWatch({
    config,
    clock,
    log,
    admission: {
      // Other units have state, but publish no changes.
      shown: (name) => units.some(({ unit }) => unit === name),
      series: new SeriesBudget(0),
      names: [...new Set(units.map(({ unit }) => unit))],
    },
    watchesEngine,
    watchesSystemd: () => units.length > 0 || system !== undefined,
    through: (source, runtime) =>
      // Without an engine no request is saved.
      names.length === 0 || runtime.kind === "proc"
        ? source
        : new NamedContainers(source, { names, runtime, isFiltered }),
  });
  const view = new WatchView(watch.fleet, {
    engine: watchesEngine ? watch.engine : undefined,
    isFiltered,
  });
  const waiter = new Waiter({
    goal: config,
    view,
    timeoutMs,
    keepWaiting,
    clock,
    sinceMs,
    ...(config.log.level === "debug" ? { checked: missingLog(log) } : {}),
  });
  watch.bus.subscribe("change", (change) => {
    view.changed(change);
    logChange(change, log);
    waiter.check();
  });
  watch.bus.subscribe("stateRead", ({ record }) => {
    view.stateRead(record);
    waiter.check();
  });
  watch.bus.subscribe("listed", () => waiter.check());

  onAbort(signal, () => waiter.end());
  watch.start();
  // A host without systemd publishes nothing.
  if (config.host !== "none") waiter.check();
  const outcome = await waiter.outcome;
  const details = await detailsOf(outcome, watch, options);
  const printed = config.quiet
    ? undefined
    : atMost(CLOSE_MS, clock, print(outcome, details, options));
  await Promise.all([watch.stop(), printed]);
  return outcome;
}

/** Returns a function that logs what is missing when that has changed. */
function missingLog(log: Logger): (missing: readonly Missing[]) => void {
  let before = "";
  return (missing) => {
    const what = missing
      .map(({ container, text }) => (container === "" ? text : `${container}: ${text}`))
      .join("; ");
    if (what !== before && what !== "") log.debug("missing", { what });
    before = what;
  };
}

/** Returns what is known about the units of conditions that don't hold; nothing if a signal ended the wait. */
async function detailsOf(
  outcome: WaitOutcome,
  { linesOf, readingsOf }: Pick<CommandWatch, "linesOf" | "readingsOf">,
  { config, clock, signal }: WaitOptions,
): Promise<UnitDetails> {
  const { quiet, lines } = config;
  const isWanted = outcome.kind === "time" || outcome.kind === "final";
  if (quiet || lines === 0 || !isWanted) return new Map();
  return readUnitDetails(outcome.missing, { linesOf, readingsOf, lines, clock, signal });
}

async function print(
  outcome: WaitOutcome,
  details: UnitDetails,
  { stdout, stderr, by }: WaitOptions,
): Promise<void> {
  const output = new LineOutput(outcome.kind === "true" ? stdout : stderr);
  await output.write(outcomeText(outcome, by(), details));
  await output.flush();
}
