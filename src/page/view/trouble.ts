import { isGoodExit } from "../../domain/exit-code.ts";
import type { ContainerReport, UnitReport } from "../../domain/status.ts";
import { count, exitCodeText, signalName } from "./format.ts";

/** Levels, worst first. `idle` is for what ended well or never began. */
export const LEVELS = ["failing", "warning", "fine", "idle"] as const;
export type Level = (typeof LEVELS)[number];

export interface Trouble {
  readonly level: Level;
  /** Problems, in a few words each. */
  readonly reasons: readonly string[];
}

/** Returns the level of a unit. One that waits for its restart counts as failed. */
export function unitLevel({ activeState, subState }: UnitReport): Level {
  if (activeState === "failed" || activeState === "maintenance") return "failing";
  if (subState.startsWith("auto-restart")) return "failing";
  return activeState === "active" ? "fine" : "idle";
}

/** Returns true if the unit failed or restarted while unitwatch watched it. */
export function hasPast(unit: UnitReport): boolean {
  return unit.restarts > 0 || Object.keys(unit.failures).length > 0;
}

/** Returns why a unit fails (`exit-code, status 1`, `signal, SIGKILL`), else its past failures. */
export function whyOf(unit: UnitReport): string {
  const { result, exitCode, failures } = unit;
  if (unitLevel(unit) === "failing" && result !== null && result !== "success") {
    if (exitCode === null || exitCode === 0) return result;
    return result === "exit-code"
      ? `${result}, status ${exitCode}`
      : `${result}, ${signalName(exitCode)}`;
  }
  const past = Object.entries(failures).map(([name, times]) => `${times} × ${name}`);
  return past.length === 0 ? "" : `before: ${past.join(", ")}`;
}

export function failureCount({ failures }: UnitReport): number {
  return Object.values(failures).reduce((sum, times) => sum + times, 0);
}

/**
 * Returns the level of a container, with its problems.
 *
 * @param failing number of its units that are shown and fail
 */
export function troubleOf(container: Omit<ContainerReport, "units">, failing: number): Trouble {
  const failures = [...failingReasons(container), ...unitReasons(container, failing)];
  const warnings = warningReasons(container);
  const reasons = [...failures, ...warnings];
  if (failures.length > 0) return { level: "failing", reasons };
  if (warnings.length > 0) return { level: "warning", reasons };
  return { level: container.status === "running" ? "fine" : "idle", reasons };
}

function failingReasons({
  status,
  exitCode,
  runsSystemd,
  oomKilled,
  health,
}: Omit<ContainerReport, "units">): string[] {
  const reasons: string[] = [];
  const hasFailed = exitCode !== null && !isGoodExit(exitCode, runsSystemd);
  if (status === "dead") reasons.push("dead");
  if (status === "restarting") reasons.push("restarting");
  if (hasFailed && (status === "exited" || status === "restarting" || status === "dead")) {
    reasons.push(`exited with code ${exitCodeText(exitCode, runsSystemd)}`);
  }
  if (status === "exited" && exitCode === null) reasons.push("exited with an unknown code");
  if (oomKilled) reasons.push("ran out of memory");
  // The engine checks no paused container.
  if (health === "unhealthy" && status !== "paused") reasons.push("unhealthy");
  return reasons;
}

function unitReasons({ systemd }: Omit<ContainerReport, "units">, failing: number): string[] {
  const reasons: string[] = [];
  if (failing > 0) reasons.push(`${count(failing, "unit")} failed`);
  if (systemd === null) return reasons;
  const hidden = (systemd.units.failed ?? 0) - failing;
  if (hidden > 0) reasons.push(`${count(hidden, "failed unit")} not shown by the filters`);
  if (failing === 0 && hidden <= 0 && systemd.state === "degraded") reasons.push("degraded");
  if (systemd.state === "maintenance") reasons.push("in maintenance");
  return reasons;
}

function warningReasons({ status, systemd }: Omit<ContainerReport, "units">): string[] {
  const reasons: string[] = [];
  if (status === "paused") reasons.push("paused");
  if (systemd !== null && !systemd.up) {
    reasons.push(systemd.transport === null ? "systemd not watched yet" : "systemd watch lost");
  }
  return reasons;
}
