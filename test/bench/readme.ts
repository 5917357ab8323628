/*
 * Writes the figures of the last `npm run bench` into the README, between the two comments there:
 * those that have a floor, and some that one wants to see beside them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readResults } from "./results.ts";
import { figure } from "./table.ts";
import type { Row } from "./section.ts";

const README = join(import.meta.dirname, "../../README.md");
const START = "<!-- figures -->";
const END = "<!-- end of figures -->";
/** Shown though nothing is asked of them. */
const BESIDE = [
  /^D-Bus signals$/,
  /^RSS, 20 nodes, (?:cli|OTLP)/,
  /^RSS, 1000 fake nodes/,
  /^kill to (?:state|scrape), p(?:50|99)/,
  /^changes in the storm/,
  /^lag at the nodes' own buses, unwatched, p99/,
  /^failures in the journals/,
  /^scrape in the storm, p99/,
  /^50,000 series/,
  /^child processes, 20 nodes, cli/,
  /^churn: (?:changes|RSS)/,
];
/** Of what has a floor for each of several sizes, the largest is enough. */
const LEFT_OUT = [/^child processes, 1?[01] nodes, engine/, /up to [15]00$/];

const { sections, date, processor, cores, memoryGb, kernel, node } = await readResults();
const rows = sections.flatMap((section) => section.rows).filter(isShown);
const lines = [
  `Measured on ${date} by \`npm run bench\`, on ${cores} cores of ${processor} with ${memoryGb} GB, ${kernel}, Node.js ${node}:`,
  "",
  "| what | figure | to be |",
  "| --- | ---: | --- |",
  ...rows.map(
    (row) => `| ${row.name} | ${`${figure(row.value)} ${row.unit}`.trim()} | ${toBe(row)} |`,
  ),
];

const text = readFileSync(README, "utf8");
const from = text.indexOf(START) + START.length;
const to = text.indexOf(END);
if (from < START.length || to < from) throw new Error("README.md has no place for the figures");
writeFileSync(README, `${text.slice(0, from)}\n\n${lines.join("\n")}\n\n${text.slice(to)}`);

function isShown({ name, floor }: Row): boolean {
  if (LEFT_OUT.some((pattern) => pattern.test(name))) return false;
  return floor !== undefined || BESIDE.some((pattern) => pattern.test(name));
}

function toBe({ floor, unit, pass }: Row): string {
  if (floor === undefined) return "";
  const words = floor.replace("<=", "≤").replace(">=", "≥").replace("== ", "");
  return `${words} ${unit}`.trim() + (pass === false ? ", which it isn't" : "");
}
