import type { ContainerReport, SystemdReport, UnitReport } from "../domain/status.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { SystemdState } from "../state/units/systemd-state.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import { rfc3339 } from "./rfc3339.ts";

/** What is told of a container but for its units. */
export type ContainerFacts = Omit<ContainerReport, "units">;

/** What isn't in a container's record. */
export interface ReportContext {
  /** False where systemd is watched in no container. */
  readonly watchesSystemd: boolean;
  /** Seconds from the last change of this container's systemd to the state that showed it. */
  readonly lagOf: (id: string) => number | undefined;
}

export function containerFacts(record: ContainerRecord, context: ReportContext): ContainerFacts {
  const { id, name, node, cluster, image, runtime } = record.identity;
  const isNode = context.watchesSystemd && record.runsSystemd === true && record.alive;
  return {
    name,
    id,
    node,
    cluster,
    image,
    runtime,
    status: record.status,
    health: record.health ?? null,
    exitCode: record.lastExitCode ?? null,
    oomKilled: record.oom !== "none",
    restarts: record.counters.restarts,
    starts: record.counters.starts,
    startedAt: rfc3339(record.startedAtNs),
    finishedAt: rfc3339(record.finishedAtNs),
    removedAt: rfc3339(record.destroyedAtNs ?? 0n),
    systemd: isNode ? systemdReport(record.systemd, context.lagOf(id)) : null,
  };
}

function systemdReport(systemd: SystemdState, lagSeconds: number | undefined): SystemdReport {
  const { up, transport, reconnects, manager, sinceNs } = systemd;
  const units: Record<string, number> = {};
  for (const [state, count] of systemd.units.counts()) if (count > 0) units[state] = count;
  return {
    up,
    transport: transport ?? null,
    since: up ? rfc3339(sinceNs) : null,
    reconnects,
    lagSeconds: lagSeconds ?? null,
    version: manager.version ?? null,
    state: manager.systemState ?? null,
    units,
  };
}

/** True for the units that a report has: shown by the filters, and loaded or counted. */
export function isReported(unit: UnitRecord): boolean {
  return unit.shown && (unit.activeState !== undefined || unit.hasCounters);
}

export function unitReport(unit: UnitRecord): UnitReport {
  const { name, type, activeState = null, subState, result = null, restarts, lastFailure } = unit;
  const sinceNs = unit.stateChangeNs > 0n ? unit.stateChangeNs : unit.activeEnterNs;
  return {
    name,
    type,
    activeState,
    subState,
    since: activeState === null ? null : rfc3339(sinceNs),
    result,
    exitCode: unit.exitStatus ?? null,
    failures: Object.fromEntries(unit.failures),
    lastFailureAt: rfc3339(lastFailure?.timeNs ?? 0n),
    restarts,
  };
}
