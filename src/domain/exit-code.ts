/** Exit codes of a container that ended well: by itself, or by SIGTERM as requested. */
const GOOD_EXIT_CODES: ReadonlySet<number> = new Set([0, 143]);
/** systemd as PID 1 that may call reboot(2) ends its container with these codes, on request. */
const SYSTEMD_EXIT_CODES: ReadonlyMap<number, string> = new Map([
  [129, "reboot"],
  [130, "halt"],
]);

/**
 * Returns whether a container that exits with this code needs no attention.
 *
 * @param runsSystemd true if its PID 1 is systemd
 */
export function isGoodExit(exitCode: number, runsSystemd: boolean): boolean {
  return GOOD_EXIT_CODES.has(exitCode) || (runsSystemd && SYSTEMD_EXIT_CODES.has(exitCode));
}

/** Returns what a systemd container with this exit code did: `reboot` or `halt`; undefined for others. */
export function systemdExit(exitCode: number): string | undefined {
  return SYSTEMD_EXIT_CODES.get(exitCode);
}
