import type { ManagerMessage, RemovedMessage } from "../../domain/systemd.ts";
import { SYSTEM_STATES } from "../../domain/systemd.ts";
import { timeNsOf } from "./timestamps.ts";

/** A signal of systemd's manager, or of the bus about systemd's name. */
export type ManagerSignal =
  | { readonly kind: "unit-new"; readonly unit: string }
  | RemovedMessage
  | { readonly kind: "reloading"; readonly isActive: boolean }
  | { readonly kind: "startup-finished" }
  /**
   * systemd executes itself again. Up to v257 its name goes from its old connection to its new one in
   * one step (`passed`), and no signal is lost. Later versions first have no name, and send nothing.
   */
  | { readonly kind: "owner-changed"; readonly owner: "passed" | "none" | "new" };

/** Returns what happened to systemd's name, from the owners in NameOwnerChanged, "" if there is no owner. */
export function ownerChange(before: string, after: string): ManagerSignal {
  if (after === "") return { kind: "owner-changed", owner: "none" };
  return { kind: "owner-changed", owner: before === "" ? "new" : "passed" };
}

/** Properties of the manager, as systemd gives them; undefined if it doesn't. */
export interface ManagerProperties {
  readonly version: string | undefined;
  readonly systemState: string | undefined;
  /** UserspaceTimestamp, in Unix microseconds. */
  readonly userspaceUs: bigint | undefined;
  /** SoftRebootsCount. */
  readonly softReboots: number | undefined;
}

const MAX_VERSION_CHARS = 128;

/** Checks the manager's properties: a word that systemd doesn't have, and an impossible time, are left out. */
export function managerMessage(
  { version, systemState, userspaceUs, softReboots }: ManagerProperties,
  timeNs: bigint,
): ManagerMessage {
  const userspaceNs = timeNsOf(userspaceUs, timeNs, 0n);
  const state = SYSTEM_STATES.find((known) => known === systemState);
  return {
    kind: "manager",
    timeNs,
    ...(version === undefined
      ? {}
      : { version: version.slice(0, MAX_VERSION_CHARS).toWellFormed() }),
    ...(state === undefined ? {} : { systemState: state }),
    ...(userspaceNs === 0n ? {} : { userspaceNs }),
    ...(softReboots === undefined ? {} : { softReboots }),
  };
}
