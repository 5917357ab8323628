import type * as sqlite from "node:sqlite";

export type Sqlite = typeof sqlite;

/** Loads Node's SQLite without its warning that it is experimental, which is no use to a user. */
export async function loadSqlite(): Promise<Sqlite> {
  const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  const without = (...args: unknown[]): void => {
    if (args[1] === "ExperimentalWarning" && String(args[0]).includes("SQLite")) return;
    emitWarning(...args);
  };
  process.emitWarning = without;
  try {
    return await import("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The file was written by a newer unitwatch. */
export class NewerVersionError extends Error {
  override name = "NewerVersionError";
}

/** The file's content is invalid. */
export class DamagedError extends Error {
  override name = "DamagedError";
}

/** SQLite's codes ERROR (such as a missing table), CORRUPT and NOTADB. */
const DAMAGED: ReadonlySet<number | undefined> = new Set([1, 11, 26]);
const BUSY = 5;
const FULL = 13;

/** Returns SQLite's result code; undefined for other errors. */
export function sqliteCode(error: unknown): number | undefined {
  const isOne = typeof error === "object" && error !== null && "errcode" in error;
  // The upper bits are the extended code.
  return isOne ? Number(error.errcode) & 0xff : undefined;
}

export function isDamage(error: unknown): boolean {
  return error instanceof DamagedError || DAMAGED.has(sqliteCode(error));
}

/** Returns whether the disk is full. */
export function isFull(error: unknown): boolean {
  return sqliteCode(error) === FULL;
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY;
}
