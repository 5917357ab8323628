import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Suite } from "../support/engine/images.ts";
import type { MatrixVariant } from "./nodes.ts";
import type { Outcome } from "./session.ts";

/** Combination of an engine and a node, with the outcome of each check. */
export interface MatrixRow {
  /** Name of the session. */
  readonly engine: string;
  /** As the engine reports it; empty if it didn't run. */
  readonly version: string;
  /** Day of the run, `2026-11-30`; empty if it didn't run. */
  readonly date: string;
  readonly note: string;
  readonly suite: Suite;
  readonly variant: MatrixVariant;
  readonly transport: string;
  /** By check; `start` if the combination didn't start. */
  readonly cells: Readonly<Record<string, Outcome>>;
}

/** File of the last outcomes, as JSON. */
export const RESULTS = join(import.meta.dirname, "../../.cache/matrix.json");

export async function readRows(): Promise<readonly MatrixRow[]> {
  return JSON.parse(await readFile(RESULTS, "utf8")) as readonly MatrixRow[];
}

/** Stores the rows of a session, and keeps earlier ones of others and of other nodes. */
export async function keepRows(session: string, rows: readonly MatrixRow[]): Promise<void> {
  const before = await readRows().catch(() => []);
  const suites = new Set(rows.map(({ suite }) => suite));
  const others = before.filter(({ engine, suite }) => engine !== session || !suites.has(suite));
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify([...others, ...rows], undefined, 2)}\n`);
}

/** Stores the log of a session's unitwatch beside the outcomes. Returns its path. */
export async function keepLog(session: string, log: readonly object[]): Promise<string> {
  const path = join(dirname(RESULTS), `matrix-${session}.log`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, log.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}
