import type { Writable } from "node:stream";
import { LineOutput } from "./output/line-output.ts";
import type { Missing } from "./wait/findings.ts";
import { outcomeText } from "./wait/outcome-text.ts";
import { Waiter } from "./wait/waiter.ts";
import type { WaitOutcome } from "./wait/waiter.ts";
import { WatchView } from "./wait/watch-view.ts";
import type { WaitConfig } from "../config/config.ts";
import type { Change } from "../domain/change.ts";
import type { Logger } from "../domain/log.ts";
import { openRuntime } from "../engine/open-runtime.ts";
import { identifier } from "../engine/format/identity.ts";
import { NamedContainers } from "./named-containers.ts";
import { Fleet } from "../state/fleet.ts";
import { SeriesBudget } from "../state/units/series-budget.ts";
import { atMost } from "../platform/time/at-most.ts";
import { logChange } from "../app/change-log.ts";
import type { WatchContext } from "../app/context.ts";
import { CLOSE_MS, forgetGone } from "./brief-watch.ts";
import { buildEngineWatch } from "../app/engine.ts";

export interface WaitContext extends WatchContext {
  readonly config: WaitConfig;
  /** Aborts to end the wait. */
  readonly signal: AbortSignal;
  /** When it began, by the clock's monotonic time. */
  readonly sinceMs: number;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** What ended it from outside. */
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
 * Watches until what is waited for is true, or can't become so, and tells that.
 *
 * @throws where there is no way to the engine at all
 */
export async function runWait(options: WaitContext): Promise<WaitOutcome> {
  const context = options.config.quiet ? { ...options, log: SILENT } : options;
  const { config, clock, log, signal, sinceMs } = context;
  const { containers: names, units, system, timeoutMs, keepWaiting } = config;
  const { filters } = config.watch;
  const isFiltered = filters.length > 0;
  const runtime = await openRuntime({ ...config.docker, filters, clock });
  const changed = (change: Change): void => {
    view.changed(change);
    logChange(change, log);
    waiter.check();
  };
  const fleet = new Fleet({
    events: { changed, refused: () => {} },
    admission: {
      // Of other units the state is known, and no change is told.
      shown: (name) => units.some(({ unit }) => unit === name),
      series: new SeriesBudget(0),
    },
    identify: identifier(config.node.namePrefix, () => runtime.engine),
  });
  const engine = buildEngineWatch(context, runtime, {
    fleet,
    changed,
    listed: () => waiter.check(),
    concerns: () => units.length > 0 || system !== undefined,
    ...(names.length === 0
      ? {}
      : {
          through: (source) => new NamedContainers(source, { names, runtime, isFiltered }),
        }),
  });
  using _sweep = forgetGone(fleet, clock);
  const view = new WatchView(fleet, { engine: () => engine.watch, isFiltered });
  const waiter = new Waiter({
    goal: config,
    view,
    timeoutMs,
    keepWaiting,
    clock,
    sinceMs,
    ...(config.log.level === "debug" ? { looked: missingLog(log) } : {}),
  });
  engine.snapshots.tell = (record) => {
    view.snapshotted(record);
    waiter.check();
  };

  const end = new AbortController();
  const interrupted = (): void => waiter.end();
  signal.addEventListener("abort", interrupted, { once: true });
  if (signal.aborted) interrupted();
  const watching = engine.watch.run(end.signal);
  const outcome = await waiter.outcome;
  end.abort();
  const closed = Promise.all([
    config.quiet ? undefined : tell(outcome, context),
    engine.systemd.stopAll(),
    watching,
  ]);
  await atMost(CLOSE_MS, clock, closed);
  return outcome;
}

/** Logs what is missing each time that something else is. */
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

async function tell(outcome: WaitOutcome, { stdout, stderr, by }: WaitContext): Promise<void> {
  const output = new LineOutput(outcome.kind === "true" ? stdout : stderr);
  await output.write(outcomeText(outcome, by()));
  await output.flush();
}
