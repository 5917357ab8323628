import type { Clock } from "../domain/clock.ts";
import type { JournalLine } from "../domain/journal.ts";
import type { OomKillReport, UnitDetails } from "../domain/status.ts";
import type { UnitDescription } from "../domain/unit-description.ts";
import { isOutOfMemory, type UnitExtras } from "../page/unit-report.ts";
import { kernelOomKills } from "../platform/process/kernel-oom-kills.ts";
import { rfc3339 } from "../page/rfc3339.ts";
import { atMost } from "../platform/time/at-most.ts";
import { someAtOnce } from "../platform/data/some-at-once.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import type { Watch } from "./watch.ts";

/** Units of one request that are queried, at a time, and the longest wait for all of them. */
const MAX_UNITS = 50;
const MAX_AT_ONCE = 4;
const LIMIT_MS = 3_000;
const SIGKILL = 9;
/** Longest time between a unit's failure and the kill in the kernel's log, whose clock drifts. */
const KERNEL_SPAN_NS = 10_000_000_000n;

export interface UnitExtrasOptions {
  readonly watch: Pick<Watch, "linesOf" | "readingsOf">;
  /** Lines of a unit's newest run; 0 reads no journal. */
  readonly lines: number;
  readonly clock: Clock;
  /** Returns true if the last lines of a unit are known. Default: none are. */
  readonly hasLines?: (container: string, unit: string) => boolean;
}

/** Queries facts about loaded units. What isn't answered in time is left out. */
export async function readUnitExtras(
  units: readonly (readonly [ContainerRecord, UnitRecord])[],
  options: UnitExtrasOptions,
): Promise<ReadonlyMap<UnitRecord, UnitExtras>> {
  const { clock } = options;
  const found = new Map<UnitRecord, UnitExtras>();
  const end = new AbortController();
  const some = units.slice(0, MAX_UNITS);
  const reading = someAtOnce(some, MAX_AT_ONCE, async ([record, unit]) => {
    found.set(unit, await extrasOf(record, unit, { ...options, signal: end.signal }));
  });
  await atMost(LIMIT_MS, clock, reading);
  end.abort(new Error("the time limit is over"));
  for (const [, unit] of some) {
    if (!found.has(unit)) {
      found.set(unit, { details: null, oomKill: null, lines: [], past: undefined });
    }
  }
  return found;
}

async function extrasOf(
  record: ContainerRecord,
  unit: UnitRecord,
  options: UnitExtrasOptions & { readonly signal: AbortSignal },
): Promise<UnitExtras> {
  const manager = unit.user === undefined ? record : record.users.get(unit.user);
  const describe = async (): Promise<UnitDescription | undefined> => {
    const canAnswer = manager?.systemd.up === true && !record.paused;
    const source = canAnswer ? options.watch.readingsOf(manager) : undefined;
    return unit.activeState === undefined ? undefined : source?.describeUnit?.(unit.name);
  };
  const [description, lines] = await Promise.all([
    describe().catch(() => undefined),
    linesOf(record, unit, options).catch(() => undefined),
  ]);
  return {
    details: description === undefined ? null : detailsOf(description),
    oomKill: await oomKillOf(record, unit, { description, clock: options.clock }),
    lines: lines ?? [],
    past: description && {
      result: description.result ?? null,
      exitCode: description.exitStatus ?? null,
      since: rfc3339(description.stateChangeNs),
    },
  };
}

/** Returns the process that was killed, if that is why the unit failed: by the kernel's log, else by systemd. */
async function oomKillOf(
  { identity, conditions }: ContainerRecord,
  unit: UnitRecord,
  {
    description,
    clock,
  }: { readonly description: UnitDescription | undefined; readonly clock: Clock },
): Promise<OomKillReport | null> {
  const isOom = description?.result === "oom-kill" || isOutOfMemory(unit, conditions.oomAtNs);
  const result = unit.result ?? description?.result;
  const isKilled = result === "signal" && (unit.exitStatus ?? description?.exitStatus) === SIGKILL;
  if (!isOom && !isKilled) return null;
  const failedNs = unit.lastFailure?.timeNs ?? description?.stateChangeNs ?? 0n;
  const offsetNs = clock.nowNs() - process.hrtime.bigint();
  const kills = identity.isHost === true ? [] : await kernelOomKills();
  const kill = kills.findLast(({ cgroup, monotonicNs }) => {
    const spanNs = monotonicNs + offsetNs - failedNs;
    const isNear = failedNs === 0n || (spanNs > -KERNEL_SPAN_NS && spanNs < KERNEL_SPAN_NS);
    return isNear && cgroup.includes(identity.id) && cgroup.split("/").includes(unit.name);
  });
  // With cgroup v1, neither the engine nor systemd sees that a unit reached its own limit.
  if (kill === undefined && !isOom) return null;
  if (kill !== undefined) {
    const { process: name, pid, limitBytes = null } = kill;
    return { process: name, pid, limitBytes, knownBy: "kernel" };
  }
  const isMain = description?.isMainKilled === true && description.exitStatus === SIGKILL;
  const pid = (isMain && description.mainPid) || null;
  const limitBytes = description?.memoryMaxBytes ?? (conditions.memoryLimitBytes || null);
  if (pid === null)
    return { process: null, pid, limitBytes, knownBy: limitBytes === null ? null : "systemd" };
  return { process: description?.command || null, pid, limitBytes, knownBy: "systemd" };
}

async function linesOf(
  record: ContainerRecord,
  unit: UnitRecord,
  options: UnitExtrasOptions & { readonly signal: AbortSignal },
): Promise<readonly JournalLine[] | undefined> {
  const { watch, lines, clock, signal } = options;
  const isKnown = options.hasLines?.(record.identity.id, unit.path) === true;
  const read =
    lines === 0 || record.paused || isKnown ? undefined : watch.linesOf(record, unit.user);
  if (read === undefined) return undefined;
  const runs = [{ unit: unit.name, invocationId: "" }];
  const [run] = await read({ runs, lines, atNs: clock.nowNs(), signal });
  return run?.lines;
}

function detailsOf(of: UnitDescription): UnitDetails {
  const { description, triggeredBy, triggers } = of;
  return {
    description,
    command: of.command === "" ? null : of.command,
    triggeredBy,
    triggers,
    nextRunAt: rfc3339(of.nextRunNs),
    restartPolicy: of.restartPolicy ?? null,
    memoryBytes: of.memoryBytes ?? null,
    memoryPeakBytes: of.memoryPeakBytes ?? null,
    memoryMaxBytes: of.memoryMaxBytes ?? null,
  };
}
