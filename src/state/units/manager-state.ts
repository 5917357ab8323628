import { SHUTDOWN_TARGET } from "../../domain/systemd.ts";
import type { ManagerReading } from "../../domain/readings.ts";
import type { ManagerFacts, SystemState, UnitSignal } from "../../domain/systemd.ts";
import type { ActiveState } from "../../domain/unit.ts";
import type { UnitTable } from "./unit-table.ts";

/** systemd as a whole went from one state to another. */
export interface SystemTransition {
  readonly systemState: SystemState;
  readonly previousState: SystemState;
  readonly timeNs: bigint;
}

/** systemd began again with a new userspace in the same run of the container. */
export interface SoftReboot {
  /** SoftRebootsCount with it; undefined if systemd doesn't count. */
  readonly number: number | undefined;
  /** When the newest userspace began: Unix nanoseconds. */
  readonly timeNs: bigint;
  /** False if systemd was seen to stop for it. */
  readonly recovered: boolean;
}

/** Begin of the userspace, and SoftRebootsCount; undefined while unknown. */
interface Boot {
  readonly userspaceNs: bigint | undefined;
  readonly number: number | undefined;
}

const UNKNOWN_BOOT: Boot = { userspaceNs: undefined, number: undefined };

/** Most soft reboots that one message shows: a container can report any number. */
const MAX_SOFT_REBOOTS = 100;

/** Holds the version and the state of systemd as a whole. */
export class ManagerState {
  /** undefined until it is known. */
  version: string | undefined = undefined;
  /** As `systemctl is-system-running` has it; undefined while it is unknown. */
  systemState: SystemState | undefined = undefined;
  /** Values that no signal carries, as of the last query. */
  reading: ManagerReading | undefined = undefined;
  /** False while systemd doesn't answer queries: its readings, and those of its units, aren't shown. */
  answersQueries = false;
  #boot: Boot = UNKNOWN_BOOT;

  /** Takes over what the manager says of itself; returns the transition, if it is one. */
  take({ version, systemState, timeNs }: ManagerFacts): SystemTransition | undefined {
    if (version !== undefined) this.version = version;
    return systemState === undefined ? undefined : this.#enter(systemState, timeNs);
  }

  /**
   * Derives the state from units that changed at `timeNs`, and from the number of failed units that
   * the table doesn't hold; returns the transition, if it is one.
   */
  unitsChanged(
    units: UnitTable,
    otherFailed: number,
    timeNs: bigint,
  ): SystemTransition | undefined {
    const derived = derivedSystemState(this.systemState, units, otherFailed);
    return derived === undefined ? undefined : this.#enter(derived, timeNs);
  }

  /**
   * Follows shutdown.target: from its job on, systemd stops. Returns the transition, if it is one;
   * `cancelled` if systemd goes on instead, in a state that only systemd knows.
   */
  shutdownChanged(
    { activeState, hasJob = false }: Pick<UnitSignal, "activeState" | "hasJob">,
    timeNs: bigint,
  ): SystemTransition | "cancelled" | undefined {
    if (hasJob || isUp(activeState)) return this.#enter("stopping", timeNs);
    return this.systemState === "stopping" ? "cancelled" : undefined;
  }

  /**
   * Returns the soft reboots since the last facts. Nothing announces one: the stream ends, and the
   * next one shows another begin of the userspace, and from v256 on a higher count. Called before
   * `take`.
   *
   * @param sinceNs when counting began: a reboot before that is no change
   */
  softReboots(facts: ManagerFacts, sinceNs: bigint): readonly SoftReboot[] {
    const { userspaceNs: timeNs, softReboots: number, version = this.version } = facts;
    if (timeNs === undefined || !canSoftReboot(version)) return [];
    const count = rebootsBetween(this.#boot, { userspaceNs: timeNs, number }, sinceNs);
    this.#boot = { userspaceNs: timeNs, number };
    const wasStopping = this.systemState === "stopping";
    return Array.from({ length: Math.min(count, MAX_SOFT_REBOOTS) }, (_, index) => ({
      number: number === undefined ? undefined : number - index,
      timeNs,
      recovered: !wasStopping || index > 0,
    })).reverse();
  }

  ended(): void {
    this.systemState = undefined;
    this.reading = undefined;
    this.answersQueries = false;
    this.#boot = UNKNOWN_BOOT;
  }

  #enter(systemState: SystemState, timeNs: bigint): SystemTransition | undefined {
    const previousState = this.systemState;
    this.systemState = systemState;
    const isTransition = previousState !== undefined && previousState !== systemState;
    return isTransition ? { systemState, previousState, timeNs } : undefined;
  }
}

/**
 * Returns the state that follows from the units, as systemd has it: no signal reports SystemState. A
 * booted system is degraded while any unit is failed, and stopping once shutdown.target is up.
 * undefined if nothing follows, such as during boot: the source asks when that is over.
 */
function derivedSystemState(
  known: SystemState | undefined,
  units: UnitTable,
  otherFailed: number,
): SystemState | undefined {
  if (known !== "running" && known !== "degraded") return undefined;
  if (isUp(units.get(SHUTDOWN_TARGET)?.activeState)) return "stopping";
  return (units.counts().get("failed") ?? 0) + otherFailed > 0 ? "degraded" : "running";
}

function isUp(activeState: ActiveState | undefined): boolean {
  return activeState === "active" || activeState === "activating";
}

/** Returns true unless the version, such as `252.39-1~deb12u1`, is older than soft reboots: v254. */
function canSoftReboot(version: string | undefined): boolean {
  const major = Number.parseInt(version ?? "", 10);
  return !(major < 254);
}

function rebootsBetween(known: Boot, { userspaceNs = 0n, number }: Boot, sinceNs: bigint): number {
  if (known.userspaceNs === undefined) {
    // Without a count it may have been the boot.
    return userspaceNs > sinceNs && (number ?? 0) > 0 ? 1 : 0;
  }
  if (userspaceNs === known.userspaceNs) return 0;
  if (number === undefined) return 1;
  return Math.max(0, number - (known.number ?? number - 1));
}
