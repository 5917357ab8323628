/*
 * `npm run bench`: measures unitwatch as it is shipped, and says which figures are as they are to
 * be. `npm run bench -- storm scrape` runs these sections alone. Figures go to stdout as a table and
 * to .cache/bench.json; it exits 1 where one isn't as it is to be.
 */
import { keepResults, type SectionResult } from "./results.ts";
import type { Section } from "./section.ts";
import { BenchStage } from "./support/stage.ts";
import { table } from "./table.ts";

/** In the order in which they run: nodes are added from one to the next, and stay. */
const SECTIONS: readonly (() => Promise<{ readonly section: Section }>)[] = [
  () => import("./parse.ts"),
  () => import("./scrape.ts"),
  () => import("./fleet.ts"),
  () => import("./memory.ts"),
  () => import("./idle.ts"),
  () => import("./start.ts"),
  () => import("./latency.ts"),
  () => import("./storm.ts"),
  () => import("./otlp-queue.ts"),
  () => import("./soak.ts"),
];

const sections = await Promise.all(SECTIONS.map(async (load) => (await load()).section));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !sections.some((section) => section.name === name));
if (unknown.length > 0) {
  console.error(
    `no section ${unknown.join(", ")}: there are ${sections.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}

const results: SectionResult[] = [];
{
  await using stage = await BenchStage.open();
  for (const section of sections) {
    if (wanted.length > 0 && !wanted.includes(section.name)) continue;
    const begin = performance.now();
    stage.say(section.name);
    const rows = await section.run(stage);
    const seconds = (performance.now() - begin) / 1_000;
    const result = { name: section.name, seconds, rows };
    results.push(result);
    console.log(table(section.name, rows));
    await keepResults([result]);
  }
}
const failed = results.flatMap(({ rows }) => rows).filter(({ pass }) => pass === false);
console.log(
  failed.length === 0 ? "every floor holds" : `${failed.length} figures are not as they are to be`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
