import { alternatives } from "../../platform/data/alternatives.ts";
import { isNamed } from "../../domain/container-name.ts";
import { exitCodeText, processEnd } from "../../domain/exit-status.ts";
import type { SystemState } from "../../domain/systemd.ts";
import type { UnitCondition, WaitGoal } from "../../domain/wait-goal.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";

/** A condition of one container that does not hold. */
export interface Missing {
  /** Name of the container, or the requested name if unknown; "" for the engine. */
  readonly container: string;
  /** Identifies the condition of the container. */
  readonly about: string;
  /** The state and what was expected: one line, not escaped. */
  readonly text: string;
  /** True if the condition does not become true without an action. */
  readonly isFinal: boolean;
  /** Ids of the units that it is about, and their container. */
  readonly units?: { readonly record: ContainerRecord; readonly ids: readonly string[] };
}

/** The conditions of one container that hold. */
export interface Met {
  readonly container: string;
  /** Such as `runs`, `slurmctld.service is active`. */
  readonly texts: readonly string[];
}

export interface Findings {
  readonly met: readonly Met[];
  readonly missing: readonly Missing[];
}

/** The known state of the containers, and of the host. */
export interface View {
  readonly containers: () => Iterable<ContainerRecord>;
  /** Returns the host; undefined if its systemd can't be watched. */
  readonly host: () => ContainerRecord | undefined;
  /** True if filters select containers. */
  readonly isFiltered: boolean;
  /** True if all units of its systemd are known. */
  readonly isListed: (record: ContainerRecord) => boolean;
  /** Reason why the watch of its systemd fails; undefined if it does not, or not yet. */
  readonly reason: (record: ContainerRecord) => string | undefined;
}

/** The state of a condition that does not hold. */
interface State {
  readonly is: string;
  readonly isFinal?: boolean;
  /** Ids of the units that it is about. */
  readonly units?: readonly string[];
}

const MAX_FAILED_SHOWN = 3;

/** Compares the goal with the state. */
export function findingsOf(goal: WaitGoal, view: View): Findings {
  const met: Met[] = [];
  const missing: Missing[] = [];
  for (const { name, record, isHost = false } of subjectsOf(goal, view)) {
    const container = record?.identity.name ?? name;
    const texts: string[] = [];
    const weigh = (about: string, state: State | undefined, wanted: string): void => {
      if (state === undefined) {
        texts.push(wanted);
        return;
      }
      const { is: text, isFinal = false, units: ids = [] } = state;
      const units = record === undefined || ids.length === 0 ? {} : { units: { record, ids } };
      missing.push({ container, about, text, isFinal, ...units });
    };
    const running = record ? runningState(record) : isHost ? NO_HOST : noContainer(name, view);
    if (!isHost || record === undefined) weigh("container", running, "runs");
    // The other conditions of a stopped container are unknown, which is not final by itself.
    const runs = running === undefined ? record : undefined;
    if (goal.health !== undefined && !isHost) {
      const { health } = goal;
      const state = runs ? healthState(runs, health) : unknown("health", health);
      weigh("health", state, `is ${runs?.health}`);
    }
    for (const unit of goal.units) {
      const state = runs ? unitState(runs, unit, view) : unknown(unit.unit, unit.states);
      const id = runs?.systemd.names.idOf(unit.unit) ?? unit.unit;
      const active = runs?.systemd.units.get(id)?.activeState ?? "inactive";
      const about = `unit ${unit.unit} ${unit.states.join()}`;
      weigh(about, state, `${shownName(unit.unit, id)} is ${active}`);
    }
    if (goal.system !== undefined) {
      const state = runs ? systemState(runs, goal.system, view) : unknown("systemd", goal.system);
      weigh("systemd", state, `systemd is ${runs?.systemd.manager.systemState}`);
    }
    if (texts.length > 0) met.push({ container, texts });
  }
  return { met, missing };
}

const NO_HOST: State = { is: "it runs no systemd", isFinal: true };

interface Subject {
  readonly name: string;
  readonly record: ContainerRecord | undefined;
  readonly isHost?: true;
}

/** Returns the host and the containers of the goal, and the names without a container. */
function subjectsOf(goal: WaitGoal, view: View): Subject[] {
  const host: Subject = { name: "the host", record: view.host(), isHost: true };
  const subjects = goal.host === "alone" ? [] : containersOf(goal, view);
  return goal.host === "none" ? subjects : [host, ...subjects];
}

function containersOf(goal: WaitGoal, view: View): Subject[] {
  if (goal.containers.length > 0) {
    const all = [...view.containers()];
    return [...new Set(goal.containers)].map((name) => {
      const named = all.filter(({ identity }) => isNamed(identity, name));
      const record = named.find(({ destroyedAtNs }) => destroyedAtNs === undefined) ?? named[0];
      return { name, record };
    });
  }
  const there = [...view.containers()].filter(({ destroyedAtNs }) => destroyedAtNs === undefined);
  if (there.length === 0) return [{ name: "", record: undefined }];
  return there.map((record) => ({ name: record.identity.name, record }));
}

function noContainer(name: string, { isFiltered }: View): State {
  if (name === "") return { is: "no container matches the filters yet" };
  const filtered = isFiltered ? ", or the filters exclude it" : "";
  return { is: `no such container yet${filtered}` };
}

function runningState(record: ContainerRecord): State | undefined {
  if (record.destroyedAtNs !== undefined) return { is: "was removed", isFinal: true };
  const { lastExitCode, runsSystemd = false } = record;
  const code =
    lastExitCode === undefined ? "" : ` with code ${exitCodeText(lastExitCode, runsSystemd)}`;
  switch (record.status) {
    case "running":
      return undefined;
    case "created":
      if (record.startFailed) return { is: `failed to start${code}`, isFinal: true };
      return { is: "was created, and not started yet" };
    case "paused":
      return { is: "is paused" };
    case "restarting":
      return { is: `exited${code}, and is to be restarted` };
    case "removing":
      return { is: "is being removed", isFinal: true };
    case "exited":
      return { is: `exited${code}`, isFinal: true };
    case "dead":
      return { is: "is dead", isFinal: true };
    default:
      return record.status satisfies never;
  }
}

function healthState(
  { health, hasHealthCheck }: ContainerRecord,
  wanted: NonNullable<WaitGoal["health"]>,
): State | undefined {
  if (health === undefined) {
    // Unknown between the start and the first inspection.
    if (hasHealthCheck !== false) return unknown("health", wanted);
    return { is: `has no health check, expected ${alternatives(wanted)}`, isFinal: true };
  }
  if (wanted.includes(health)) return undefined;
  return { is: `is ${health}, expected ${alternatives(wanted)}`, isFinal: health === "unhealthy" };
}

/** Returns why the units are unknown; undefined if they are known. */
function unwatchedState(record: ContainerRecord, view: View): State | undefined {
  if (record.runsSystemd === false)
    return { is: "the container doesn't run systemd", isFinal: true };
  if (view.isListed(record)) return undefined;
  const reason = view.reason(record);
  return { is: reason === undefined ? "systemd doesn't answer yet" : `not known: ${reason}` };
}

function unitState(
  record: ContainerRecord,
  { unit: name, states }: UnitCondition,
  view: View,
): State | undefined {
  const expected = `expected ${alternatives(states)}`;
  const unwatched = unwatchedState(record, view);
  if (unwatched !== undefined) return { ...unwatched, is: `${name}: ${unwatched.is}, ${expected}` };
  const { names, units } = record.systemd;
  if (!names.isKnown(name)) return { is: `${name} isn't known yet, ${expected}` };
  const id = names.idOf(name);
  const unit = units.get(id);
  const shown = shownName(name, id);
  // As in systemctl, a unit that is not loaded is inactive.
  const { activeState = "inactive", subState = "" } = unit ?? {};
  if (states.includes(activeState)) return undefined;
  if (unit?.activeState === undefined) return { is: `${shown} isn't loaded, ${expected}` };
  const isFailed = activeState === "failed";
  const end = isFailed ? processEnd(unit.result, unit.exitStatus)?.text : undefined;
  const words = isFailed ? [unit.result, end] : [subState];
  const more = words.filter((word) => word && word !== activeState);
  const details = more.length === 0 ? "" : ` (${more.join(", ")})`;
  const is = `${shown} is ${activeState}${details}, ${expected}`;
  return { is, isFinal: isFailed, units: [id] };
}

/** Returns the requested name, with that of the unit if it is an alias. */
function shownName(name: string, id: string): string {
  return id === name ? name : `${name} (${id})`;
}

/** States that systemd leaves only by an administrator's action. */
const FINAL_STATES: ReadonlySet<SystemState> = new Set<SystemState>(["degraded", "maintenance"]);

function systemState(
  record: ContainerRecord,
  wanted: readonly SystemState[],
  view: View,
): State | undefined {
  const expected = `expected ${alternatives(wanted)}`;
  const unwatched = unwatchedState(record, view);
  if (unwatched !== undefined) return { ...unwatched, is: `systemd: ${unwatched.is}, ${expected}` };
  const { systemState: state } = record.systemd.manager;
  if (state === undefined) return { is: `systemd's state isn't known yet, ${expected}` };
  if (wanted.includes(state)) return undefined;
  const failed = state === "degraded" ? failedUnits(record) : [];
  const why = state === "degraded" ? `: ${failedText(failed)}` : "";
  const is = `systemd is ${state}${why}, ${expected}`;
  const units = failed.slice(0, MAX_FAILED_SHOWN);
  return { is, isFinal: FINAL_STATES.has(state), units };
}

function failedUnits({ systemd }: ContainerRecord): readonly string[] {
  const failed: string[] = [];
  for (const { name, activeState } of systemd.units.values()) {
    if (activeState === "failed") failed.push(name);
  }
  return failed;
}

function failedText(failed: readonly string[]): string {
  const shown = failed.slice(0, MAX_FAILED_SHOWN).join(", ");
  const others = failed.length - MAX_FAILED_SHOWN;
  const rest = others > 0 ? ` and ${others} more` : "";
  return failed.length === 0 ? "units failed" : `${shown}${rest} failed`;
}

function unknown(what: string, wanted: readonly string[]): State {
  return { is: `${what} isn't known, expected ${alternatives(wanted)}` };
}
