import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Suite } from "../support/engine/images.ts";
import type { MatrixVariant } from "./nodes.ts";
import type { Outcome } from "./session.ts";

/** Combination of an engine and a node, with the outcome of each check. */
export interface MatrixRow {
  /** Name of the session. */
  readonly engine: string;
  readonly version: string;
  readonly note: string;
  readonly suite: Suite;
  readonly variant: MatrixVariant;
  readonly transport: string;
  /** By check; `start` if the combination didn't start. */
  readonly cells: Readonly<Record<string, Outcome>>;
}

export interface MatrixResults {
  /** Day of the last run, `2026-11-30`. */
  readonly date: string;
  readonly rows: readonly MatrixRow[];
}

/** File of the last outcomes, as JSON. */
export const RESULTS = join(import.meta.dirname, "../../.cache/matrix.json");

export async function readMatrix(): Promise<MatrixResults> {
  return JSON.parse(await readFile(RESULTS, "utf8")) as MatrixResults;
}

/** Stores the rows of a session, and keeps earlier ones of others. */
export async function keepRows(session: string, rows: readonly MatrixRow[]): Promise<void> {
  const before = await readMatrix().catch(() => undefined);
  const others = before?.rows.filter(({ engine }) => engine !== session) ?? [];
  const date = new Date().toISOString().slice(0, 10);
  await mkdir(dirname(RESULTS), { recursive: true });
  const results: MatrixResults = { date, rows: [...others, ...rows] };
  await writeFile(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
}
