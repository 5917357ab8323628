import { isGoodExit } from "../../domain/exit-code.ts";
import { exitCodeText, processEnd } from "../../domain/exit-status.ts";
import type {
  ContainerReport,
  TroubleLevel,
  TroubleReport,
  UnitReport,
} from "../../domain/status.ts";
import { bytesText, count } from "./format.ts";

/** Levels, worst first. */
export const LEVELS: readonly TroubleLevel[] = ["failing", "warning", "fine", "idle"];

/** The window of `recent`, in words. */
const LATELY = "in 15 min";
/** Restarts of the window that are a restart loop. */
const LOOP = 3;

type Facts = Omit<ContainerReport, "units" | "trouble">;
type UnitFacts = Pick<UnitReport, "activeState" | "subState" | "recent">;

/** Numbers of a container's shown units that need attention. */
export interface TroubledUnits {
  readonly failing: number;
  /** Those that restarted after a failure in the last 15 minutes, or again and again, and don't fail now. */
  readonly restarted: number;
  /** Those of them that are in a restart loop. */
  readonly looping: number;
  /** Units whose processes are frozen, whatever else they are. */
  readonly frozen: number;
}

/** Returns the level of a unit. One that waits for its restart counts as failed. */
export function unitLevel({ activeState, subState, recent }: UnitFacts): TroubleLevel {
  if (activeState === "failed" || activeState === "maintenance") return "failing";
  if (subState.startsWith("auto-restart")) return "failing";
  const restarts = recent?.restarts?.count ?? 0;
  const isRestarted = restarts > 0 && (recent?.failures?.count ?? 0) > 0;
  if (isRestarted || restarts >= LOOP) return "warning";
  return activeState === "active" ? "fine" : "idle";
}

/** Returns true if the unit restarted so often lately that it is in a restart loop. */
export function isLooping({ recent }: Pick<UnitReport, "recent">): boolean {
  return (recent?.restarts?.count ?? 0) >= LOOP;
}

/** Returns true if the unit is frozen, or couldn't be loaded. A masked one is as it should be. */
export function isUnusual({ loadState, freezerState }: UnitReport): boolean {
  return freezerState !== null || loadState === "error" || loadState === "bad-setting";
}

/** Returns true if the unit failed or restarted while unitwatch watched it. */
export function hasPast(unit: UnitReport): boolean {
  return unit.restarts > 0 || Object.keys(unit.failures).length > 0;
}

/** Returns why a unit fails (`exit-code, status 1`, `signal, SIGKILL`), else its past failures. */
export function whyOf(unit: UnitReport): string {
  const { result, exitCode, failures, recent } = unit;
  const level = unitLevel(unit);
  if (level === "failing" && result !== null && result !== "success") {
    const end = processEnd(result, exitCode);
    const status = end?.isSignal === true ? end.text : end && `status ${end.text}`;
    const what = status === undefined ? result : `${result}, ${status}`;
    const meaning = end?.meaning === undefined ? "" : `: ${end.meaning}`;
    const isOom = unit.outOfMemory && result !== "oom-kill";
    const isStartLimitHit = unit.startLimitHit && result !== "start-limit-hit";
    return [
      `${what}${meaning}`,
      ...(isOom ? ["out of memory"] : []),
      ...(isStartLimitHit ? ["start limit reached, systemd starts it no more"] : []),
    ].join("; ");
  }
  const restarts = recent?.restarts?.count ?? 0;
  const lately = level === "warning" ? [`${count(restarts, "restart")} ${LATELY}`] : [];
  const past = Object.entries(failures).map(([name, times]) => `${times} × ${name}`);
  return [...lately, ...(past.length === 0 ? [] : [`before: ${past.join(", ")}`])].join("; ");
}

/** Returns what a kill for lack of memory ended, and at what limit; undefined without one. */
export function oomKillText({ oomKill }: Pick<UnitReport, "oomKill">): string | undefined {
  if (oomKill === undefined || oomKill === null) return undefined;
  const { process, pid, limitBytes } = oomKill;
  const what = process ?? (pid === null ? "a process, which isn't known" : "its main process");
  const which = pid === null ? what : `${what} (pid ${pid})`;
  return limitBytes === null ? which : `${which}, at a limit of ${bytesText(limitBytes)}`;
}

export function failureCount({ failures }: UnitReport): number {
  return Object.values(failures).reduce((sum, times) => sum + times, 0);
}

/** Returns the level of a container, with its problems: those of now, and of the last 15 minutes. */
export function troubleOf(container: Facts, units: TroubledUnits): TroubleReport {
  const failures = [...failingReasons(container), ...unitReasons(container, units)];
  const warnings = warningReasons(container, units);
  const reasons = [...failures, ...warnings];
  if (failures.length > 0) return { level: "failing", reasons };
  if (warnings.length > 0) return { level: "warning", reasons };
  return { level: container.status === "running" ? "fine" : "idle", reasons };
}

/** Returns true if the container is down after an exit that needs attention. */
function isDownByFailure({ status, exitCode, runsSystemd }: Facts): boolean {
  const isDown = status === "exited" || status === "restarting" || status === "dead";
  return isDown && exitCode !== null && !isGoodExit(exitCode, runsSystemd);
}

/** Returns true if the container is down after an exit whose code is lost, though others are known. */
function hasLostCode({ status, exitCode, unknown }: Facts): boolean {
  return status === "exited" && exitCode === null && unknown?.includes("exit-code") !== true;
}

function failingReasons(container: Facts): string[] {
  const { status, exitCode, runsSystemd, oomKilled, health, recent } = container;
  const reasons: string[] = [];
  const isDown = isDownByFailure(container);
  if (status === "dead") reasons.push("dead");
  if (status === "restarting") reasons.push("restarting");
  if (isDown && exitCode !== null) {
    reasons.push(`exited with code ${exitCodeText(exitCode, runsSystemd)}${endText(container)}`);
  }
  if (hasLostCode(container)) reasons.push("exited with an unknown code");
  if (container.startFailed) reasons.push(`failed to start: code ${exitCode}`);
  if (recent.oomKills !== null) {
    reasons.push(`${count(recent.oomKills.count, "OOM kill")} ${LATELY}`);
  } else if (oomKilled && isDown) reasons.push("ran out of memory");
  const restarts = recent.restarts?.count ?? 0;
  if (restarts >= LOOP) reasons.push(`${count(restarts, "restart")} ${LATELY}`);
  // The engine checks no paused container.
  if (health === "unhealthy" && status !== "paused") reasons.push("unhealthy");
  return reasons;
}

/** Returns what ended the last run, to be appended to its exit code; "" if it just exited. */
export function endText({ end, exitCode }: Pick<Facts, "end" | "exitCode">): string {
  if (end === null) return "";
  switch (end.by) {
    case "stop":
      return ": stopped on request";
    case "kill":
      return end.signal === null ? ": killed on request" : `: killed on request by ${end.signal}`;
    case "oom":
      return ": out of memory";
    case "itself":
      return exitCode !== null && exitCode > 128 && exitCode < 193 ? ": crashed" : "";
    default:
      return end.by satisfies never;
  }
}

function unitReasons({ systemd }: Facts, { failing, looping }: TroubledUnits): string[] {
  const reasons: string[] = [];
  if (failing > 0) reasons.push(`${count(failing, "unit")} failed`);
  if (looping > 0) reasons.push(`${count(looping, "unit")} in a restart loop`);
  if (systemd === null) return reasons;
  const hidden = (systemd.units.failed ?? 0) - failing;
  if (hidden > 0) reasons.push(`${count(hidden, "failed unit")} not shown by the filters`);
  if (failing === 0 && hidden <= 0 && systemd.state === "degraded") reasons.push("degraded");
  if (systemd.state === "maintenance") reasons.push("in maintenance");
  return reasons;
}

function warningReasons(container: Facts, { restarted, looping, frozen }: TroubledUnits): string[] {
  const { status, systemd, recent } = container;
  const reasons: string[] = [];
  const restarts = recent.restarts?.count ?? 0;
  if (restarts > 0 && restarts < LOOP) reasons.push(`${count(restarts, "restart")} ${LATELY}`);
  const failedExits = recent.failedExits?.count ?? 0;
  // The exit that it is down after has a reason of its own.
  const isDown = isDownByFailure(container) || hasLostCode(container);
  if (failedExits > (isDown ? 1 : 0))
    reasons.push(`${count(failedExits, "failed exit")} ${LATELY}`);
  if (restarted > looping)
    reasons.push(`${count(restarted - looping, "unit")} restarted ${LATELY}`);
  if (frozen > 0) reasons.push(`${count(frozen, "unit")} frozen`);
  if (status === "paused") reasons.push("paused");
  if (systemd !== null && !systemd.up) {
    reasons.push(systemd.transport === null ? "systemd not watched yet" : "systemd watch lost");
  }
  return reasons;
}
