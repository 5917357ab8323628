import { withHost, oneReport } from "../../app/one-report.ts";
import { readUnitExtras } from "../../app/unit-extras.ts";
import { isNamed } from "../../domain/container-name.ts";
import type { ContainerIdentity } from "../../domain/container.ts";
import type { JournalLine } from "../../domain/journal.ts";
import type { StatusReport } from "../../domain/status.ts";
import { asError } from "../../platform/data/as-error.ts";
import { untilAborted } from "../../platform/time/until-aborted.ts";
import { SeriesBudget } from "../../state/units/series-budget.ts";
import type { UnitAdmission } from "../../state/units/unit-admission.ts";
import { unitAdmission } from "../../state/units/unit-admission.ts";
import type { UnitRecord } from "../../state/units/unit-record.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import { type CommandWatch, openCommandWatch } from "../command-watch.ts";
import { StatusError } from "./selected.ts";
import type { StatusCommandOptions } from "./options.ts";

/**
 * Reads the engine, and systemd in the containers that are wanted, once. What isn't known at the time
 * limit is left out.
 *
 * @throws StatusError if the engine can't be read
 */
export async function readEngine(options: StatusCommandOptions): Promise<StatusReport> {
  const { config, clock, log, signal } = options;
  const { container, unit, timeoutMs } = config;
  const isWanted = (identity: ContainerIdentity): boolean =>
    container === undefined || isNamed(identity, container) || identity.node === container;
  const watch = await openCommandWatch({
    config,
    clock,
    log,
    admission: admissionOf(options),
    watchesSystemd: ({ identity }) => isWanted(identity),
  });
  const failed = new Set<string>();
  let isEngineDown = false;
  const isEngineKnown = (): boolean => watch.engine.listed || isEngineDown;
  const done = Promise.withResolvers<void>();
  const check = (): void => {
    if (!isEngineKnown()) return;
    for (const record of nodes()) {
      if (isWanted(record.identity) && isPending(record, failed)) return;
    }
    done.resolve();
  };
  watch.bus.subscribe("change", ({ kind, identity, detail, error }) => {
    if (kind === "monitor.error" || kind === "monitor.lost") {
      if (identity === undefined) {
        if (hasHost()) isEngineDown = true;
        else done.reject(new StatusError(`the engine can't be read: ${error?.message ?? detail}`));
      } else failed.add(identity.id);
    }
    check();
  });
  watch.bus.subscribe("stateRead", check);
  watch.bus.subscribe("listed", check);
  const limit = clock.setTimeout(() => {
    if (isEngineKnown() || hasHost()) done.resolve();
    else done.reject(new StatusError("the engine doesn't answer within the time limit"));
  }, timeoutMs);
  watch.start();
  try {
    await untilAborted(done.promise, signal);
    const lastLinesOf = await linesOfUnit(nodes(), watch, options);
    const units = nodes()
      .filter(({ identity }) => isWanted(identity))
      .flatMap((record) => asked(record, unit));
    const extras = await readUnitExtras(units, { watch, lines: 0, clock });
    const selection = unit === undefined ? { extras } : { units: new Set([unit]), extras };
    const report = await oneReport(watch, { config, clock, lastLinesOf }, selection);
    const shown = report.containers.filter(
      (each) =>
        container !== undefined ||
        each.trouble.level === "failing" ||
        each.trouble.level === "warning",
    );
    return { ...report, containers: shown };
  } finally {
    limit[Symbol.dispose]();
    await watch.stop();
  }

  function nodes(): readonly ContainerRecord[] {
    return [...withHost(watch.fleet)];
  }

  /** The host is read without an engine too. */
  function hasHost(): boolean {
    return watch.fleet.host !== undefined;
  }

  function isPending(
    { alive, paused, runsSystemd, systemd, identity }: ContainerRecord,
    known: ReadonlySet<string>,
  ): boolean {
    const isOff = config.systemd.transport === "off" && identity.isHost !== true;
    if (!alive || isOff || runsSystemd === false) return false;
    // The manager's state comes last.
    const isRead = systemd.up && systemd.manager.systemState !== undefined;
    return !isRead && !paused && !known.has(identity.id);
  }

  function admissionOf({ config: { systemd } }: StatusCommandOptions): UnitAdmission {
    const series = new SeriesBudget(0);
    if (unit === undefined) return unitAdmission(systemd.unitInclude, systemd.unitExclude, series);
    return { shown: (name) => name === unit, series, names: [unit] };
  }
}

/** Time in which a unit's last lines have to be read. */
const LINES_LIMIT_MS = 5_000;

/** Reads the last lines of the unit that is wanted, and returns a function that has them. */
async function linesOfUnit(
  all: readonly ContainerRecord[],
  { linesOf }: Pick<CommandWatch, "linesOf">,
  { config, clock, log, signal: end }: StatusCommandOptions,
): Promise<(container: string, unit: string) => readonly JournalLine[]> {
  const { container, unit, lines } = config;
  const found = new Map<string, readonly JournalLine[]>();
  const signal = AbortSignal.any([end, AbortSignal.timeout(LINES_LIMIT_MS)]);
  for (const record of all) {
    const { identity, systemd } = record;
    if (unit === undefined || container === undefined || lines === 0) break;
    if (!isNamed(identity, container) && identity.node !== container) continue;
    const run = { unit: systemd.names.idOf(unit), invocationId: "" };
    try {
      const read = linesOf(record);
      const [answer] = (await read?.({ runs: [run], lines, atNs: clock.nowNs(), signal })) ?? [];
      found.set(`${identity.id} ${run.unit}`, answer?.lines ?? []);
    } catch (error) {
      log.info("last lines of failed unit unavailable", {
        container: identity.name,
        unit: run.unit,
        err: asError(error),
      });
    }
  }
  return (id, name) => found.get(`${id} ${name}`) ?? [];
}

/** Returns the unit that is wanted, else those that failed: systemd says why, since nothing was observed. */
function asked(
  record: ContainerRecord,
  unit: string | undefined,
): readonly (readonly [ContainerRecord, UnitRecord])[] {
  const { units, names } = record.systemd;
  const named = unit === undefined ? undefined : units.get(names.idOf(unit));
  if (unit !== undefined) return named === undefined ? [] : [[record, named]];
  const failed = [...units.values()].filter(
    (each) => each.shown && (each.activeState === "failed" || each.subState.startsWith("auto-")),
  );
  return failed.map((each) => [record, each] as const);
}
