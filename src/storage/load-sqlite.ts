import type * as sqlite from "node:sqlite";

/** Node's own SQLite. */
export type Sqlite = typeof sqlite;

/** Loads it without its warning that it is experimental, which says nothing to a user. */
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
