import type { SoftRebootChange, SystemChange, UnitChange } from "../../domain/change.ts";
import type { ContainerIdentity } from "../../domain/container.ts";
import { eventContainer } from "../../domain/container-name.ts";
import { EventKind } from "../../domain/event.ts";
import type { ActiveState } from "../../domain/unit.ts";
import type { SoftReboot, SystemTransition } from "./manager-state.ts";
import type { CountedChange, UnitOutcome } from "./unit-facts.ts";

/** Most restarts of one outcome that are emitted one by one: a container can report an NRestarts of 2^32-1. */
const MAX_EMITTED_AT_ONCE = 100;

type ChangeFacts = Pick<UnitChange, "kind" | "detail"> &
  Partial<Pick<UnitChange, "result" | "exitCode" | "restarts" | "run">>;

/** Makes the changes that report an outcome: one, or one for each restart. */
export function unitChanges(
  identity: ContainerIdentity,
  unit: string,
  outcome: UnitOutcome,
): readonly UnitChange[] {
  const change = (facts: ChangeFacts): UnitChange => ({
    kind: facts.kind,
    timeNs: outcome.timeNs,
    detail: facts.detail,
    previousState: outcome.previousState,
    result: facts.result,
    exitCode: facts.exitCode,
    restarts: facts.restarts,
    recovered: outcome.recovered,
    run: facts.run ?? "",
    node: identity.node,
    container: eventContainer(identity),
    unit,
    identity,
    activeState: outcome.activeState,
    subState: outcome.subState,
  });
  switch (outcome.kind) {
    case "failure": {
      const { counted, result, exitCode } = outcome;
      const activeState = outcome.recovered ? "failed" : outcome.activeState;
      const run = runOf(counted, `failure ${counted.number}`);
      const detail = `ActiveState=${activeState}`;
      return [change({ kind: EventKind.UnitFailed, detail, result, exitCode, run })];
    }
    case "restart": {
      const { count, counted, result, exitCode } = outcome;
      const changes: UnitChange[] = [];
      const first = counted.number - Math.min(count, MAX_EMITTED_AT_ONCE) + 1;
      for (let restarts = first; restarts <= counted.number; restarts += 1) {
        const run = runOf(counted, `restart ${restarts}`);
        const detail = `NRestarts=${restarts}`;
        const facts = { kind: EventKind.UnitRestart, detail, result, exitCode, restarts, run };
        changes.push(change(facts));
      }
      return changes;
    }
    case "transition": {
      const detail = `ActiveState=${outcome.activeState}`;
      return [change({ kind: unitEventKind(outcome.activeState), detail })];
    }
    case "removal":
      return [change({ kind: EventKind.UnitRemoved, detail: "" })];
    default:
      return outcome satisfies never;
  }
}

export function systemChange(
  identity: ContainerIdentity,
  transition: SystemTransition,
): SystemChange {
  return {
    ...transition,
    kind: EventKind.SystemState,
    node: identity.node,
    container: eventContainer(identity),
    unit: "",
    detail: `SystemState=${transition.systemState}`,
    identity,
    recovered: false,
  };
}

export function softRebootChange(
  identity: ContainerIdentity,
  { number, timeNs, recovered }: SoftReboot,
): SoftRebootChange {
  return {
    kind: EventKind.SystemSoftReboot,
    timeNs,
    node: identity.node,
    container: eventContainer(identity),
    unit: "",
    detail: number === undefined ? "" : `SoftRebootsCount=${number}`,
    identity,
    recovered,
  };
}

function runOf({ invocationId }: CountedChange, number: string): string {
  return invocationId === "" ? "" : `${invocationId} ${number}`;
}

/** Returns the event kind for a unit's entry into a state. */
function unitEventKind(state: ActiveState): UnitChange["kind"] {
  switch (state) {
    case "active":
      return EventKind.UnitActive;
    case "failed":
      return EventKind.UnitFailed;
    case "inactive":
    case "maintenance":
      return EventKind.UnitInactive;
    case "activating":
      return EventKind.UnitActivating;
    case "deactivating":
      return EventKind.UnitDeactivating;
    case "reloading":
    case "refreshing":
      return EventKind.UnitReloading;
    default:
      return state satisfies never;
  }
}
