import type { Message } from "../dbus/message.ts";
import type { Reader } from "../dbus/reader.ts";
import { SHUTDOWN_TARGET } from "../../domain/systemd.ts";
import type { ServiceSignal, UnitSignal } from "../../domain/systemd.ts";
import type { ActiveState, UnitRow } from "../../domain/unit.ts";
import {
  frozenStateOf,
  isActiveState,
  loadFaultOf,
  MAX_UNIT_NAME_BYTES,
} from "../../domain/unit.ts";
import { knownUnitName, TYPE_INTERFACES, UNIT_INTERFACE } from "./objects.ts";
import { timeNsOf } from "./timestamps.ts";
import { INVOCATION_BYTES, systemdWord } from "./unit-signals.ts";

const PROPERTIES_CHANGED = "sa{sv}as";

/**
 * Lengths of the names of the properties that are read, a bit each. Most others are skipped without
 * being decoded; each signal has about twenty.
 */
const UNIT_PROPERTIES = [
  "ActiveState",
  "SubState",
  "StateChangeTimestamp",
  "ActiveEnterTimestamp",
  "InvocationID",
  "FreezerState",
];
const UNIT_LENGTHS = lengthsOf(UNIT_PROPERTIES);
const SHUTDOWN_LENGTHS = lengthsOf([...UNIT_PROPERTIES, "Job"]);
const SERVICE_LENGTHS = lengthsOf(["Result", "NRestarts", "ExecMainStatus"]);

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Reads PropertiesChanged signals of units and services, and decodes no more of their properties
 * than needed. One object of each kind serves all signals: `take` must copy what it keeps.
 */
export class PropertyReader {
  readonly #take: (signal: UnitSignal | ServiceSignal) => void;
  readonly #unit: Mutable<UnitSignal> = {
    kind: "unit",
    unit: "",
    activeState: "inactive",
    subState: "",
    stateChangeNs: 0n,
    activeEnterNs: 0n,
    invocationId: "",
    frozenState: undefined,
    hasJob: undefined,
    timeNs: 0n,
  };
  readonly #service: Mutable<ServiceSignal> = {
    kind: "service",
    unit: "",
    result: undefined,
    restarts: undefined,
    exitStatus: undefined,
    timeNs: 0n,
  };

  constructor(take: (signal: UnitSignal | ServiceSignal) => void) {
    this.#take = take;
  }

  /** @param timeNs time of receipt, in Unix nanoseconds */
  read(message: Message, timeNs: bigint): void {
    const name = knownUnitName(message.path);
    if (name === undefined) return;
    message.read(PROPERTIES_CHANGED, (reader) => {
      const changed = reader.string();
      if (changed === UNIT_INTERFACE) this.#readUnit(reader, name, timeNs);
      else if (TYPE_INTERFACES.has(changed)) this.#readService(reader, name, timeNs);
    });
  }

  #readUnit(reader: Reader, name: string, timeNs: bigint): void {
    const signal = this.#unit;
    let activeState: ActiveState | undefined;
    let stateChangeUs: bigint | undefined;
    signal.subState = "";
    signal.activeEnterNs = 0n;
    signal.invocationId = "";
    signal.frozenState = undefined;
    const isShutdown = name === SHUTDOWN_TARGET;
    signal.hasJob = isShutdown ? false : undefined;
    const lengths = isShutdown ? SHUTDOWN_LENGTHS : UNIT_LENGTHS;
    const outer = reader.enterArray(8);
    while (reader.more) {
      if (!isOneOf(lengths, reader.struct().nextLength)) {
        reader.skipString().skipVariant();
        continue;
      }
      switch (reader.string()) {
        case "ActiveState": {
          const word = reader.enterVariant("s").string();
          if (isActiveState(word)) activeState = word;
          break;
        }
        case "SubState":
          signal.subState = systemdWord(reader.enterVariant("s").string()) ?? "";
          break;
        case "StateChangeTimestamp":
          stateChangeUs = reader.enterVariant("t").uint64();
          break;
        case "ActiveEnterTimestamp":
          signal.activeEnterNs = timeNsOf(reader.enterVariant("t").uint64(), timeNs, 0n);
          break;
        case "InvocationID":
          signal.invocationId = reader.enterVariant("ay").hexBytes(INVOCATION_BYTES);
          break;
        case "FreezerState":
          signal.frozenState = frozenStateOf(reader.enterVariant("s").string());
          break;
        case "Job":
          signal.hasJob = reader.enterVariant("(uo)").struct().uint32() > 0;
          reader.skip("o");
          break;
        default:
          reader.skipVariant();
      }
    }
    reader.leave(outer);
    if (activeState === undefined) return;
    signal.unit = name;
    signal.activeState = activeState;
    signal.stateChangeNs = timeNsOf(stateChangeUs, timeNs, timeNs);
    signal.timeNs = timeNs;
    this.#take(signal);
  }

  #readService(reader: Reader, name: string, timeNs: bigint): void {
    const signal = this.#service;
    signal.result = undefined;
    signal.restarts = undefined;
    signal.exitStatus = undefined;
    const outer = reader.enterArray(8);
    while (reader.more) {
      if (!isOneOf(SERVICE_LENGTHS, reader.struct().nextLength)) {
        reader.skipString().skipVariant();
        continue;
      }
      switch (reader.string()) {
        case "Result":
          signal.result = systemdWord(reader.enterVariant("s").string());
          break;
        case "NRestarts":
          signal.restarts = reader.enterVariant("u").uint32();
          break;
        case "ExecMainStatus":
          signal.exitStatus = reader.enterVariant("i").int32();
          break;
        default:
          reader.skipVariant();
      }
    }
    reader.leave(outer);
    signal.unit = name;
    signal.timeNs = timeNs;
    this.#take(signal);
  }
}

/** Type of the rows in an answer of ListUnits or ListUnitsByPatterns. */
export const UNIT_ROWS = "a(ssssssouso)";

/** Reads the answer of ListUnits. Leaves out rows that systemd can't have sent. */
export function readUnitRows(reply: Message): UnitRow[] {
  const rows: UnitRow[] = [];
  reply.read(UNIT_ROWS, (reader) => {
    const outer = reader.enterArray(8);
    while (reader.more) {
      reader.struct();
      const name = reader.string();
      reader.skipString();
      const loadFault = loadFaultOf(reader.string());
      const activeState = reader.string();
      const subState = reader.string();
      reader.skip("souso");
      if (!isActiveState(activeState) || name === "" || name.length >= MAX_UNIT_NAME_BYTES)
        continue;
      rows.push({ name, loadFault, activeState, subState: systemdWord(subState) ?? "" });
    }
    reader.leave(outer);
  });
  return rows;
}

function lengthsOf(names: readonly string[]): number {
  return names.reduce((bits, name) => bits | (1 << name.length), 0);
}

function isOneOf(lengths: number, length: number): boolean {
  return length < 32 && (lengths & (1 << length)) !== 0;
}
