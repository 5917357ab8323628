import { alternatives } from "../../platform/data/alternatives.ts";
import { isNamed } from "../../domain/container-name.ts";
import type { SystemState } from "../../domain/systemd.ts";
import type { UnitCondition, WaitGoal } from "../../domain/wait-goal.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";

/** One thing that was asked for of one container, and what is so instead. */
export interface Missing {
  /** Its name, or what it was asked for by; "" where it is about none. */
  readonly container: string;
  /** Which of the things it is: the same as long as the same is missing. */
  readonly about: string;
  /** What is so, and what was expected: no line end, and otherwise as containers have it. */
  readonly text: string;
  /** True where it doesn't come true by itself any more. */
  readonly isFinal: boolean;
}

/** What was asked for of one container, and is true. */
export interface Met {
  readonly container: string;
  /** Such as `runs`, `slurmctld.service is active`. */
  readonly texts: readonly string[];
}

export interface Findings {
  readonly met: readonly Met[];
  readonly missing: readonly Missing[];
}

/** What is known of the containers. */
export interface View {
  readonly containers: () => Iterable<ContainerRecord>;
  /** True where filters let only some of the engine's containers through. */
  readonly isFiltered: boolean;
  /** True where what is known of its systemd is all that there is. */
  readonly isListed: (record: ContainerRecord) => boolean;
  /** Why its systemd can't be watched; undefined where nothing is known of that. */
  readonly reason: (record: ContainerRecord) => string | undefined;
}

/** What is so, where it isn't what was asked for. */
interface State {
  readonly is: string;
  readonly isFinal?: boolean;
}

const MAX_FAILED_SHOWN = 3;

/** Compares what was asked for with what is. */
export function findingsOf(goal: WaitGoal, view: View): Findings {
  const met: Met[] = [];
  const missing: Missing[] = [];
  for (const { name, record } of subjectsOf(goal, view)) {
    const container = record?.identity.name ?? name;
    const texts: string[] = [];
    const weigh = (about: string, state: State | undefined, wanted: string): void => {
      if (state === undefined) texts.push(wanted);
      else missing.push({ container, about, text: state.is, isFinal: state.isFinal === true });
    };
    const running = record === undefined ? noContainer(name, view) : runningState(record);
    weigh("container", running, "runs");
    // Of a container that doesn't run nothing else is known: it is no reason of its own to give up.
    const runs = running === undefined ? record : undefined;
    if (goal.health !== undefined) {
      const { health } = goal;
      const state = runs ? healthState(runs, health) : unknown("health", health);
      weigh("health", state, `is ${runs?.health}`);
    }
    for (const unit of goal.units) {
      const state = runs ? unitState(runs, unit, view) : unknown(unit.unit, unit.states);
      const active = runs?.systemd.units.get(unit.unit)?.activeState;
      weigh(
        `unit ${unit.unit} ${unit.states.join()}`,
        state,
        `${unit.unit} is ${active ?? "inactive"}`,
      );
    }
    if (goal.system !== undefined) {
      const state = runs ? systemState(runs, goal.system, view) : unknown("systemd", goal.system);
      weigh("systemd", state, `systemd is ${runs?.systemd.manager.systemState}`);
    }
    if (texts.length > 0) met.push({ container, texts });
  }
  return { met, missing };
}

/** The containers that it is about, and those names of which there is none. */
function subjectsOf(
  goal: WaitGoal,
  view: View,
): { readonly name: string; readonly record: ContainerRecord | undefined }[] {
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
  if (name === "") return { is: "no container that the filters let through yet" };
  const filtered = isFiltered ? ", or the filters don't let it through" : "";
  return { is: `no such container yet${filtered}` };
}

function runningState(record: ContainerRecord): State | undefined {
  if (record.destroyedAtNs !== undefined) return { is: "was removed", isFinal: true };
  const code = record.lastExitCode === undefined ? "" : ` with code ${record.lastExitCode}`;
  switch (record.status) {
    case "running":
      return undefined;
    case "created":
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
    // Between its start and what inspect says of it.
    if (hasHealthCheck !== false) return unknown("health", wanted);
    return { is: `has no health check, expected ${alternatives(wanted)}`, isFinal: true };
  }
  if (wanted.includes(health)) return undefined;
  return { is: `is ${health}, expected ${alternatives(wanted)}`, isFinal: health === "unhealthy" };
}

/** Why nothing is known of its units; undefined where they are known. */
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
  const unit = record.systemd.units.get(name);
  // What isn't loaded is inactive, as systemctl has it.
  const { activeState = "inactive", subState = "" } = unit ?? {};
  if (states.includes(activeState)) return undefined;
  if (unit?.activeState === undefined) return { is: `${name} isn't loaded, ${expected}` };
  const isFailed = activeState === "failed";
  const more = [isFailed ? unit.result : subState].filter((word) => word && word !== activeState);
  const shown = more.length === 0 ? "" : ` (${more.join(", ")})`;
  return { is: `${name} is ${activeState}${shown}, ${expected}`, isFinal: isFailed };
}

/** systemd comes out of these by nobody's doing but an administrator's. */
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
  if (state === undefined) return { is: `systemd hasn't told its state yet, ${expected}` };
  if (wanted.includes(state)) return undefined;
  const why = state === "degraded" ? `: ${failedUnits(record)}` : "";
  return { is: `systemd is ${state}${why}, ${expected}`, isFinal: FINAL_STATES.has(state) };
}

function failedUnits(record: ContainerRecord): string {
  const failed: string[] = [];
  for (const { name, activeState } of record.systemd.units.values()) {
    if (activeState === "failed") failed.push(name);
  }
  const shown = failed.slice(0, MAX_FAILED_SHOWN).join(", ");
  const others = failed.length - MAX_FAILED_SHOWN;
  const rest = others > 0 ? ` and ${others} more` : "";
  return failed.length === 0 ? "units failed" : `${shown}${rest} failed`;
}

function unknown(what: string, wanted: readonly string[]): State {
  return { is: `${what} isn't known, expected ${alternatives(wanted)}` };
}
