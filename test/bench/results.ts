import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Machine, machine } from "./support/machine.ts";
import type { Row } from "./section.ts";

/** Results of the last run of each section. */
export interface Results extends Machine {
  readonly sections: readonly SectionResult[];
}

export interface SectionResult {
  readonly name: string;
  /** Duration of the section. */
  readonly seconds: number;
  readonly rows: readonly Row[];
}

/** File of the figures, as JSON. */
export const RESULTS = join(import.meta.dirname, "../../.cache/bench.json");

export async function readResults(): Promise<Results> {
  return JSON.parse(await readFile(RESULTS, "utf8")) as Results;
}

/** Stores these results, and keeps earlier ones of the other sections. */
export async function keepResults(run: readonly SectionResult[]): Promise<void> {
  const before = await readResults().catch(() => undefined);
  const names = new Set(run.map(({ name }) => name));
  const others = before?.sections.filter(({ name }) => !names.has(name)) ?? [];
  const results: Results = { ...machine(), sections: [...others, ...run] };
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
}
