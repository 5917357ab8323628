/*
 * Writes the table of the last `npm run test:matrix` into docs/engines.md. Run by `npm run
 * docs:matrix`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PLANS } from "../../test/matrix/plans.ts";
import { type MatrixRow, readRows } from "../../test/matrix/results.ts";
import { cellsOf, COLUMNS } from "../../test/matrix/table.ts";
import { markdownTable, withPart } from "./markdown.ts";

const PAGE = join(import.meta.dirname, "../engines.md");

const ran = await readRows();
const rows = PLANS.flatMap(({ name, engine, nodes }) =>
  nodes.map((node): MatrixRow => {
    const isSame = (row: MatrixRow): boolean =>
      row.engine === name && row.suite === node.suite && row.variant === node.variant;
    const facts = { engine: name, note: engine.note, ...node };
    return ran.find(isSame) ?? { ...facts, version: "", date: "", transport: "", cells: {} };
  }),
);
const days = [...new Set(rows.map(({ date }) => date))].filter((date) => date !== "").sort();
const head = ["engine", "with", "systemd", "services", "transport", ...COLUMNS];
const lines = [
  `Run on ${days.join(", ")} by \`npm run test:matrix\`. A figure is what unitwatch counted of what happened.`,
  "",
  markdownTable(head, rows.map(cellsOf)),
];

writeFileSync(PAGE, withPart(readFileSync(PAGE, "utf8"), "matrix", lines.join("\n")));
