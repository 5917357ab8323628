import type { Reader } from "../dbus/reader.ts";

/** Type of RestartForceExitStatus: exit codes and signals. */
export const STATUSES = "(aiai)";

/** Reads a set of exit codes and signals; returns true if it has any. */
export function hasStatuses(reader: Reader): boolean {
  let has = false;
  reader.struct();
  for (let array = 0; array < 2; array += 1) {
    reader.array("i", (each) => {
      each.int32();
      has = true;
    });
  }
  return has;
}

/** Returns Restart=; "always" if RestartForceExitStatus= restarts the service after other ends too. */
export function restartPolicy(restart: string | undefined, isForced: boolean): string | undefined {
  return isForced ? "always" : restart;
}
