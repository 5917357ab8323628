/*
 * Writes the table of the last `npm run test:matrix` into docs/engines.md. Run by `npm run
 * docs:matrix`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readMatrix } from "../../test/matrix/results.ts";
import { cellsOf, COLUMNS } from "../../test/matrix/table.ts";
import { markdownTable, withPart } from "./markdown.ts";

const PAGE = join(import.meta.dirname, "../engines.md");

const { date, rows } = await readMatrix();
const head = ["engine", "with", "systemd", "services", "transport", ...COLUMNS];
const lines = [
  `Run on ${date} by \`npm run test:matrix\`. Each figure is what unitwatch counted of what happened:`,
  "",
  markdownTable(head, rows.map(cellsOf)),
];

writeFileSync(PAGE, withPart(readFileSync(PAGE, "utf8"), "matrix", lines.join("\n")));
