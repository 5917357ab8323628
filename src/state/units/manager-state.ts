import type { SystemChange } from "../../domain/change.ts";
import type { ManagerFacts, SystemState } from "../../domain/systemd.ts";
import { derivedSystemState } from "./system-state.ts";
import type { UnitTable } from "./unit-table.ts";

export type SystemStateFacts = Pick<SystemChange, "timeNs"> & {
  readonly systemState: SystemState;
  readonly previousState: SystemState;
};

/** What is true of systemd as a whole. */
export class ManagerState {
  /** systemd's version; undefined until it was told. */
  version: string | undefined = undefined;
  /** As `systemctl is-system-running` says it; undefined while it isn't known. */
  systemState: SystemState | undefined = undefined;
  readonly #units: UnitTable;
  readonly #changed: (facts: SystemStateFacts) => void;

  constructor(units: UnitTable, changed: (facts: SystemStateFacts) => void) {
    this.#units = units;
    this.#changed = changed;
  }

  told(facts: ManagerFacts): void {
    if (facts.version !== undefined) this.version = facts.version;
    if (facts.systemState !== undefined) this.#set(facts.systemState, facts.timeNs);
  }

  /** Units changed at `timeNs`: what follows for the whole. */
  unitsChanged(timeNs: bigint): void {
    const derived = derivedSystemState(this.systemState, this.#units);
    if (derived !== undefined) this.#set(derived, timeNs);
  }

  ended(): void {
    this.systemState = undefined;
  }

  #set(systemState: SystemState, timeNs: bigint): void {
    const previousState = this.systemState;
    if (previousState === systemState) return;
    this.systemState = systemState;
    if (previousState !== undefined) this.#changed({ systemState, previousState, timeNs });
  }
}
