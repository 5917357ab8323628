/*
 * `npm run bench` measures the built unitwatch and compares figures with their floors.
 * `npm run bench -- storm scrape` runs only these sections. Figures go to stdout as a table and to
 * .cache/bench.json; the exit code is 1 if a figure misses its floor. `npm run
 * docs:figures` writes the figures into docs/performance-and-limits.md.
 */
import { keepResults, type SectionResult } from "./results.ts";
import type { Section } from "./section.ts";
import { BenchEnvironment } from "./support/environment.ts";
import { table } from "./table.ts";

/** Sections in the order in which they run. Each adds the nodes that it needs; they stay. */
const SECTIONS: readonly (() => Promise<{ readonly section: Section }>)[] = [
  () => import("./parse.ts"),
  () => import("./scrape.ts"),
  () => import("./fleet.ts"),
  () => import("./memory.ts"),
  () => import("./idle.ts"),
  () => import("./start.ts"),
  () => import("./latency.ts"),
  () => import("./chain.ts"),
  () => import("./storm.ts"),
  () => import("./otlp-queue.ts"),
  () => import("./journal.ts"),
  () => import("./soak.ts"),
  () => import("./waits.ts"),
  () => import("./peers.ts"),
];

const sections = await Promise.all(SECTIONS.map(async (load) => (await load()).section));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !sections.some((section) => section.name === name));
if (unknown.length > 0) {
  console.error(
    `no section ${unknown.join(", ")}: the sections are ${sections.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}

const results: SectionResult[] = [];
{
  await using environment = await BenchEnvironment.open();
  for (const section of sections) {
    if (wanted.length === 0 ? section.isOnDemand : !wanted.includes(section.name)) continue;
    const begin = performance.now();
    environment.progress(section.name);
    const rows = await section.run(environment);
    const seconds = (performance.now() - begin) / 1_000;
    const result = { name: section.name, seconds, rows };
    results.push(result);
    console.log(table(section.name, rows));
    await keepResults([result]);
  }
}
const failed = results.flatMap(({ rows }) => rows).filter(({ pass }) => pass === false);
console.log(
  failed.length === 0 ? "every floor holds" : `${failed.length} figures miss their floors`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
