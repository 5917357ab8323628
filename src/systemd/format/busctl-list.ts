import type { CommandOutput } from "../../domain/runtime.ts";
import type { FrozenState, UnitRow } from "../../domain/unit.ts";
import {
  frozenStateOf,
  isActiveState,
  loadFaultOf,
  MAX_UNIT_NAME_BYTES,
} from "../../domain/unit.ts";
import { isJsonObject, parseJsonObject } from "../../platform/data/json.ts";
import type { ManagerProperties } from "./manager.ts";
import { knownUnitName } from "./objects.ts";
import { systemdWord } from "./unit-signals.ts";

/** systemd's text for NoSuchUnit, of which busctl prints no name. */
const NOT_LOADED = /Unit \S+ not loaded/;

/**
 * Reads the answer of `busctl --json=short call … ListUnits`:
 *
 *     {"type":"a(ssssssouso)","data":[[["munge.service","MUNGE","loaded","active","running",…],…]]}
 *
 * Returns undefined if it has another shape, and leaves out rows that systemd can't have sent.
 */
export function parseListUnits(text: string): UnitRow[] | undefined {
  const answer = parseJsonObject(text);
  const data = isJsonObject(answer) ? answer["data"] : undefined;
  const rows: unknown = Array.isArray(data) ? data[0] : undefined;
  if (!Array.isArray(rows)) return undefined;
  return rows.map(rowOf).filter((row) => row !== undefined);
}

/**
 * Reads the answer of `busctl --json=short call … GetUnit`, the path of the unit's object:
 *
 *     {"type":"o","data":["/org/freedesktop/systemd1/unit/dbus_2dbroker_2eservice"]}
 *
 * Returns its Id, or undefined as `id` if no such unit is loaded; undefined for any other answer.
 */
export function parseGetUnit(
  output: Pick<CommandOutput, "exitCode" | "stdout" | "stderr">,
): { readonly id: string | undefined } | undefined {
  const { exitCode, stdout, stderr } = output;
  if (exitCode !== 0) return NOT_LOADED.test(stderr + stdout) ? { id: undefined } : undefined;
  const data = parseJsonObject(stdout.trim())?.["data"];
  const path: unknown = Array.isArray(data) ? data[0] : undefined;
  const id = typeof path === "string" ? knownUnitName(path) : undefined;
  return id === undefined ? undefined : { id };
}

/**
 * Reads the answer of `busctl --json=short get-property … Version SystemState UserspaceTimestamp
 * SoftRebootsCount`: a `{"type":"s","data":"252"}` a line.
 */
export function parseManager(text: string): ManagerProperties {
  const [version, systemState, userspaceUs, softReboots] = text
    .trim()
    .split("\n")
    .map((line) => parseJsonObject(line)?.["data"]);
  return {
    version: typeof version === "string" ? version : undefined,
    systemState: typeof systemState === "string" ? systemState : undefined,
    userspaceUs: isCount(userspaceUs) ? BigInt(userspaceUs) : undefined,
    softReboots: isCount(softReboots) ? softReboots : undefined,
  };
}

function isCount(data: unknown): data is number {
  return Number.isSafeInteger(data) && (data as number) >= 0;
}

/**
 * Reads the answer of `systemctl show --timestamp=us+utc --property=Id,ActiveEnterTimestamp`, as
 * Unix nanoseconds by unit:
 *
 *     Id=munge.service
 *     ActiveEnterTimestamp=Sun 2026-11-22 11:23:31.713123 UTC
 *
 * with an empty line between units. Leaves out units that were never active.
 */
export function parseStartTimes(text: string): [unit: string, timeNs: bigint][] {
  const times: [string, bigint][] = [];
  for (const block of text.split("\n\n")) {
    const unit = /^Id=(.+)$/m.exec(block)?.[1];
    const [, day, time, us] =
      /^ActiveEnterTimestamp=\w+ (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\.(\d{6}) UTC$/m.exec(block) ??
      [];
    const ms = Date.parse(`${day}T${time}Z`);
    if (unit === undefined || us === undefined || Number.isNaN(ms)) continue;
    times.push([unit.toWellFormed(), BigInt(ms) * 1_000_000n + BigInt(us) * 1_000n]);
  }
  return times;
}

/** Reads the answer of `systemctl show --property=Id,FreezerState`. Leaves out units without one. */
export function parseFreezerStates(
  text: string,
): [unit: string, frozenState: FrozenState | undefined][] {
  const states: [string, FrozenState | undefined][] = [];
  for (const block of text.split("\n\n")) {
    const unit = /^Id=(.+)$/m.exec(block)?.[1];
    const word = /^FreezerState=(.+)$/m.exec(block)?.[1];
    if (unit !== undefined && word !== undefined) {
      states.push([unit.toWellFormed(), frozenStateOf(word)]);
    }
  }
  return states;
}

function rowOf(fields: unknown): UnitRow | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [name, , loadState, activeState, subState]: unknown[] = fields;
  if (typeof name !== "string" || name === "" || name.length >= MAX_UNIT_NAME_BYTES)
    return undefined;
  if (!isActiveState(activeState) || typeof subState !== "string") return undefined;
  return {
    name: name.toWellFormed(),
    loadFault: loadFaultOf(loadState),
    activeState,
    subState: systemdWord(subState) ?? "",
  };
}
