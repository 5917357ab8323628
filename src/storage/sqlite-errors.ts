/** The file was written by a newer unitwatch. */
export class NewerVersionError extends Error {
  override name = "NewerVersionError";
}

/** What the file says makes no sense. */
export class DamagedError extends Error {
  override name = "DamagedError";
}

/** SQLite's codes: what is asked for isn't there, not whole, no database. */
const DAMAGED: ReadonlySet<number | undefined> = new Set([1, 11, 26]);
const BUSY = 5;
const FULL = 13;

/** SQLite's result code; undefined for other errors. */
export function sqliteCode(error: unknown): number | undefined {
  const isOne = typeof error === "object" && error !== null && "errcode" in error;
  // The upper bits tell more than is asked for.
  return isOne ? Number(error.errcode) & 0xff : undefined;
}

export function isDamage(error: unknown): boolean {
  return error instanceof DamagedError || DAMAGED.has(sqliteCode(error));
}

/** The disk has no room: there may be some later. */
export function isFull(error: unknown): boolean {
  return sqliteCode(error) === FULL;
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY;
}
