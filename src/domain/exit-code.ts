/** Exit codes of a container that ended well: by itself, or by SIGTERM as requested. */
const GOOD_EXIT_CODES: ReadonlySet<number> = new Set([0, 143]);

/** Returns whether a container that exits with this code needs no attention. */
export function isGoodExit(exitCode: number): boolean {
  return GOOD_EXIT_CODES.has(exitCode);
}
