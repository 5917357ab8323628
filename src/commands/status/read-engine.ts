import { oneReport } from "../../app/one-report.ts";
import { isNamed } from "../../domain/container-name.ts";
import type { ContainerIdentity } from "../../domain/container.ts";
import type { StatusReport } from "../../domain/status.ts";
import { untilAborted } from "../../platform/time/until-aborted.ts";
import { SeriesBudget } from "../../state/units/series-budget.ts";
import type { UnitAdmission } from "../../state/units/unit-admission.ts";
import { unitAdmission } from "../../state/units/unit-admission.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import { openCommandWatch } from "../command-watch.ts";
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
  const done = Promise.withResolvers<void>();
  const check = (): void => {
    if (!watch.engine.listed) return;
    for (const record of watch.fleet.containers()) {
      if (isWanted(record.identity) && isPending(record, failed)) return;
    }
    done.resolve();
  };
  watch.bus.subscribe("change", ({ kind, identity, detail, error }) => {
    if (kind === "monitor.error" || kind === "monitor.lost") {
      if (identity === undefined) {
        done.reject(new StatusError(`the engine can't be read: ${error?.message ?? detail}`));
      } else failed.add(identity.id);
    }
    check();
  });
  watch.bus.subscribe("stateRead", check);
  watch.bus.subscribe("listed", check);
  const limit = clock.setTimeout(() => {
    if (watch.engine.listed) done.resolve();
    else done.reject(new StatusError("the engine doesn't answer within the time limit"));
  }, timeoutMs);
  watch.start();
  try {
    await untilAborted(done.promise, signal);
    const report = await oneReport(watch, { config, clock });
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

  function isPending(
    { alive, paused, runsSystemd, systemd, identity }: ContainerRecord,
    known: ReadonlySet<string>,
  ): boolean {
    if (!alive || config.systemd.transport === "off" || runsSystemd === false) return false;
    return !systemd.up && !paused && !known.has(identity.id);
  }

  function admissionOf({ config: { systemd } }: StatusCommandOptions): UnitAdmission {
    const series = new SeriesBudget(0);
    if (unit === undefined) return unitAdmission(systemd.unitInclude, systemd.unitExclude, series);
    return { shown: (name) => name === unit, series, names: [unit] };
  }
}
