import type { UnitChange } from "../domain/change.ts";
import { EventKind } from "../domain/event.ts";
import type { JournalEntry, UnitSignal } from "../domain/systemd.ts";
import type { UnitFacts } from "./systemd-changes.ts";
import type { UnitRecord } from "./unit-record.ts";

/** Result where systemd told none: units that are no service don't send it along. */
const RESULT_UNKNOWN = "unknown";

/** Recovered failures of one unit for which a signal may still come. */
const MAX_AWAITED = 64;

/** Counts the failures and restarts of units, and tells of each. */
export class UnitLedger {
  readonly #emit: (unit: UnitRecord, facts: UnitFacts) => void;

  constructor(emit: (unit: UnitRecord, facts: UnitFacts) => void) {
    this.#emit = emit;
  }

  failed(unit: UnitRecord, signal: UnitSignal, previousState: UnitChange["previousState"]): void {
    unit.countFailure(unit.result ?? RESULT_UNKNOWN, signal.stateChangeNs);
    unit.failuresOfRun += 1;
    this.#emit(unit, {
      kind: EventKind.UnitFailed,
      timeNs: signal.stateChangeNs,
      previousState,
      result: unit.result,
      exitCode: unit.exitStatus,
      detail: `ActiveState=${signal.activeState}`,
    });
  }

  /** A failure that was missed when it happened. A signal may still come for it. */
  recoveredFailure(
    unit: UnitRecord,
    entry: Pick<JournalEntry, "result" | "invocationId" | "timeNs">,
  ): void {
    const { result, invocationId, timeNs } = entry;
    unit.countFailure(result ?? RESULT_UNKNOWN, timeNs);
    unit.recoveredFailures = [
      ...unit.recoveredFailures.slice(1 - MAX_AWAITED),
      { invocationId, timeNs },
    ];
    unit.failuresOfRun = unit.invocationId === invocationId ? unit.failuresOfRun + 1 : 1;
    unit.invocationId = invocationId;
    this.#emit(unit, {
      kind: EventKind.UnitFailed,
      timeNs,
      result,
      detail: "ActiveState=failed",
      recovered: true,
    });
  }

  recoveredRestart(unit: UnitRecord, entry: JournalEntry): void {
    unit.invocationId = entry.invocationId;
    const { restarts = 1, timeNs } = entry;
    this.restarted(unit, 1, { restarts, timeNs, recovered: true });
  }

  /** @param told `restarts` is NRestarts after the last of them */
  restarted(
    unit: UnitRecord,
    count: number,
    told: { readonly restarts: number; readonly timeNs: bigint; readonly recovered?: boolean },
  ): void {
    const { restarts, timeNs, recovered = false } = told;
    unit.countRestarts(count, restarts, timeNs);
    for (let number = restarts - count + 1; number <= restarts; number += 1) {
      this.#emit(unit, {
        kind: EventKind.UnitRestart,
        timeNs,
        previousState: unit.activeState,
        result: unit.result,
        exitCode: unit.exitStatus,
        restarts: number,
        detail: `NRestarts=${number}`,
        recovered,
      });
    }
  }
}
