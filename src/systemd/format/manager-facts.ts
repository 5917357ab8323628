import type { ManagerMessage } from "../../domain/systemd.ts";
import { SYSTEM_STATES } from "../../domain/systemd.ts";

const MAX_VERSION_CHARS = 128;

/** What the manager's properties say, checked: a word that is none of systemd's is left out. */
export function managerFacts(
  version: string | undefined,
  systemState: string | undefined,
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
