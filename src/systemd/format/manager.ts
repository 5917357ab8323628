import type { ManagerMessage, RemovedMessage } from "../../domain/systemd.ts";
import { SYSTEM_STATES } from "../../domain/systemd.ts";

/** A signal of systemd's manager, or of the bus about systemd's name. */
export type ManagerSignal =
  | { readonly kind: "unit-new"; readonly unit: string }
  | RemovedMessage
  | { readonly kind: "reloading"; readonly isActive: boolean }
  | { readonly kind: "startup-finished" }
  /** systemd executes itself again: first it has no name, then it has one. */
  | { readonly kind: "owner-changed"; readonly isOwned: boolean };

/** Properties of the manager, as systemd gives them; undefined if it doesn't. */
export interface ManagerProperties {
  readonly version: string | undefined;
  readonly systemState: string | undefined;
}

const MAX_VERSION_CHARS = 128;

/** Checks the manager's properties: a word that systemd doesn't have is left out. */
export function managerMessage(
  { version, systemState }: ManagerProperties,
  timeNs: bigint,
): ManagerMessage {
  const state = SYSTEM_STATES.find((known) => known === systemState);
  return {
    kind: "manager",
    timeNs,
    ...(version === undefined
      ? {}
      : { version: version.slice(0, MAX_VERSION_CHARS).toWellFormed() }),
    ...(state === undefined ? {} : { systemState: state }),
  };
}
