/*
 * Writes the figures of the last `npm run bench` into docs/performance-and-limits.md: those that have
 * a floor, and some to compare them with. Run by `npm run docs:figures`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readResults } from "../../test/bench/results.ts";
import type { Row } from "../../test/bench/section.ts";
import { figure } from "../../test/bench/table.ts";
import { withPart } from "./markdown.ts";

const PAGE = join(import.meta.dirname, "../performance-and-limits.md");
/** Rows without a floor that are shown. */
const BESIDE = [
  /^D-Bus signals$/,
  /^RSS, 20 nodes, (?:cli|OTLP)/,
  /^start to all/,
  /^CPU of a change behind/,
  /^journal entries followed/,
  /^RSS, 1000 fake nodes/,
  /^kill to (?:state|scrape), p(?:50|99)/,
  /^changes in the storm/,
  /^lag at the nodes' own buses, unwatched, p99/,
  /^failures in the journals/,
  /^scrape in the storm, p99/,
  /^50,000 series/,
  /^all groups,/,
  /^child processes, 20 nodes, cli/,
  /^churn: (?:changes|RSS)/,
];
/** Rows with a floor that are left out: the largest size stands for the smaller ones. */
const LEFT_OUT = [/^child processes, 1?[01] nodes, engine/, /up to [15]00$/];
/** Sections with a table of their own. */
const APART = new Set(["peers"]);

const { sections, date, processor, cores, memoryGb, kernel, node } = await readResults();
const rows = sections
  .filter(({ name }) => !APART.has(name))
  .flatMap((section) => section.rows)
  .filter(isShown);
const lines = [
  `Measured on ${date} by \`npm run bench\`, on ${cores} cores of ${processor} with ${memoryGb} GB, ${kernel}, Node.js ${node}:`,
  "",
  "| what | figure | floor |",
  "| --- | ---: | --- |",
  ...rows.map((row) =>
    `| ${row.name} | ${`${figure(row.value)} ${row.unit}`.trim()} | ${floorOf(row)} |`.replace(
      "|  |",
      "| |",
    ),
  ),
];

writeFileSync(PAGE, withPart(readFileSync(PAGE, "utf8"), "figures", lines.join("\n")));

function isShown({ name, floor }: Row): boolean {
  if (LEFT_OUT.some((pattern) => pattern.test(name))) return false;
  return floor !== undefined || BESIDE.some((pattern) => pattern.test(name));
}

function floorOf({ floor, unit, pass }: Row): string {
  if (floor === undefined) return "";
  const words = floor.replace("<=", "≤").replace(">=", "≥").replace("== ", "");
  const isNumber = /\d$/.test(words);
  return (isNumber ? `${words} ${unit}`.trim() : words) + (pass === false ? ", not met" : "");
}
