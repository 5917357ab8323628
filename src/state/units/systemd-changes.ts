import type { SystemChange, UnitChange } from "../../domain/change.ts";
import type { ContainerIdentity } from "../../domain/container.ts";
import { EventKind } from "../../domain/event.ts";
import type { SystemState } from "../../domain/systemd.ts";
import type { UnitRecord } from "./unit-record.ts";

/** What is to be said of a unit's change beside what its record says. */
export type UnitFacts = Pick<UnitChange, "kind" | "timeNs" | "detail"> &
  Partial<
    Pick<UnitChange, "previousState" | "result" | "exitCode" | "restarts" | "recovered" | "run">
  >;

export function unitChange(
  identity: ContainerIdentity,
  unit: UnitRecord,
  facts: UnitFacts,
): UnitChange {
  return {
    kind: facts.kind,
    timeNs: facts.timeNs,
    detail: facts.detail,
    previousState: facts.previousState,
    result: facts.result,
    exitCode: facts.exitCode,
    restarts: facts.restarts,
    recovered: facts.recovered ?? false,
    run: facts.run ?? "",
    node: identity.node,
    container: identity.name,
    unit: unit.name,
    identity,
    activeState: unit.activeState,
    subState: unit.subState,
  };
}

export function systemChange(
  identity: ContainerIdentity,
  facts: {
    readonly systemState: SystemState;
    readonly previousState: SystemState;
    readonly timeNs: bigint;
  },
): SystemChange {
  return {
    ...facts,
    kind: EventKind.SystemState,
    node: identity.node,
    container: identity.name,
    unit: "",
    detail: `SystemState=${facts.systemState}`,
    identity,
    recovered: false,
  };
}
