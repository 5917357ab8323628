import { SHUTDOWN_TARGET } from "../../domain/systemd.ts";
import type { ServiceSignal, UnitSignal } from "../../domain/systemd.ts";
import { frozenStateOf, isActiveState } from "../../domain/unit.ts";
import type { PropertiesSignal } from "./busctl-line.ts";
import { unitNameFromPath } from "./objects.ts";
import { timeNsOf } from "./timestamps.ts";

/** Longest SubState or Result that is accepted: systemd's longest has 23 characters. */
const MAX_WORD_CHARS = 64;
const WORD = /^[a-z0-9-]+$/;

/** Returns a word of systemd's own, such as a SubState or a Result; undefined for anything else. */
export function systemdWord(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= MAX_WORD_CHARS && WORD.test(text) ? text : undefined;
}

/** Reads a Unit signal; undefined if it has no unit, or no state of systemd. */
export function unitSignalOf(signal: PropertiesSignal): UnitSignal | undefined {
  const unit = unitNameFromPath(signal.path);
  const activeState = signal.property("ActiveState", "s");
  if (unit === undefined || !isActiveState(activeState)) return undefined;
  const { timeNs } = signal;
  const invocationId = signal.property("InvocationID", "ay");
  return {
    kind: "unit",
    unit,
    activeState,
    subState: systemdWord(signal.property("SubState", "s")) ?? "",
    stateChangeNs: timeNsOf(signal.property("StateChangeTimestamp", "t"), timeNs, timeNs),
    activeEnterNs: timeNsOf(signal.property("ActiveEnterTimestamp", "t"), timeNs, 0n),
    invocationId: invocationId === undefined ? "" : invocationText(invocationId),
    frozenState: frozenStateOf(signal.property("FreezerState", "s")),
    hasJob: unit === SHUTDOWN_TARGET ? (signal.property("Job", "(uo)") ?? 0) > 0 : undefined,
    timeNs,
  };
}

export const INVOCATION_BYTES = 16;

/** Returns an InvocationID as the journal writes it: 32 hex digits; "" if it is missing. */
export function invocationText(bytes: Uint8Array): string {
  return bytes.length === INVOCATION_BYTES ? Buffer.from(bytes).toString("hex") : "";
}

/** Reads a Service signal; undefined if it has no unit. */
export function serviceSignalOf(signal: PropertiesSignal): ServiceSignal | undefined {
  const unit = unitNameFromPath(signal.path);
  if (unit === undefined) return undefined;
  return {
    kind: "service",
    unit,
    result: systemdWord(signal.property("Result", "s")),
    restarts: signal.property("NRestarts", "u"),
    exitStatus: signal.property("ExecMainStatus", "i"),
    timeNs: signal.timeNs,
  };
}
