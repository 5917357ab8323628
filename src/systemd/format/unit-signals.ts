import type { ServiceSignal, UnitSignal } from "../../domain/systemd.ts";
import { isActiveState } from "../../domain/unit.ts";
import type { PropertiesSignal } from "./busctl-line.ts";
import { unitNameFromPath } from "./unit-path.ts";

/** Longest SubState or Result that is taken: systemd's longest has 23 characters. */
const MAX_WORD_CHARS = 64;
const WORD = /^[a-z0-9-]+$/;

/** A word of systemd's own, such as a SubState or a Result; undefined for anything else. */
export function systemdWord(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= MAX_WORD_CHARS && WORD.test(text) ? text : undefined;
}

/** A time that is so much later than its signal is none, and would outdo every true one after it. */
const MAX_AHEAD_NS = 86_400_000_000_000n;

/** True for a time, Unix nanoseconds, that can have been told at `nowNs`. */
export function isTimeAt(timeNs: bigint, nowNs: bigint): boolean {
  return timeNs <= nowNs + MAX_AHEAD_NS;
}

/**
 * Unix nanoseconds of a time that systemd tells in microseconds, and `otherwise` where it tells
 * none that can be.
 *
 * @param timeNs when the signal was sent or received
 */
export function toldTimeNs(us: bigint | undefined, timeNs: bigint, otherwise: bigint): bigint {
  const toldNs = us === undefined ? undefined : us * 1_000n;
  return toldNs === undefined || !isTimeAt(toldNs, timeNs) ? otherwise : toldNs;
}

/** Reads a Unit signal; undefined where it tells of no unit, or of no state that systemd has. */
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
    stateChangeNs: toldTimeNs(signal.property("StateChangeTimestamp", "t"), timeNs, timeNs),
    activeEnterNs: toldTimeNs(signal.property("ActiveEnterTimestamp", "t"), timeNs, 0n),
    invocationId: invocationId === undefined ? "" : invocationText(invocationId),
    timeNs,
  };
}

export const INVOCATION_BYTES = 16;

/** An InvocationID as the journal writes it: 32 hex digits; "" for none. */
export function invocationText(bytes: Uint8Array): string {
  return bytes.length === INVOCATION_BYTES ? Buffer.from(bytes).toString("hex") : "";
}

/** Reads a Service signal; undefined where it tells of no unit. */
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
