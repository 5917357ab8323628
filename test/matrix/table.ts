import { SYSTEMD } from "./nodes.ts";
import { PLANS } from "./plans.ts";
import type { MatrixRow } from "./results.ts";

export const COLUMNS = ["walk", "count", "recovery", "oom", "wait", "leftovers"] as const;

/** Returns the columns of a row: engine, node, transport, and each check's verdict with its figure. */
export function cellsOf(row: MatrixRow): string[] {
  const { start } = row.cells;
  return [
    engineOf(row),
    row.note,
    `systemd ${SYSTEMD[row.suite]}`,
    row.variant,
    row.transport,
    ...COLUMNS.map((name) => {
      const cell = row.cells[name];
      if (cell === undefined) return start === undefined ? "not run" : "didn't start";
      if (cell.pass && cell.figure === "") return "";
      const [first = ""] = cell.wrong;
      const words = cell.figure === "" ? first.replaceAll(/\s+/g, " ").slice(0, 80) : cell.figure;
      return `${cell.pass ? "pass" : "FAIL"}${words === "" ? "" : `: ${words}`}`;
    }),
  ];
}

/** Returns the program and its version, which is known of a row that was run. */
function engineOf({ engine: session, version }: MatrixRow): string {
  const engine = PLANS.find(({ name }) => name === session)?.engine.name ?? session;
  const program = engine.includes("podman") ? "podman" : "docker";
  // Without Debian's suffix.
  const known = version === "" ? /\d+\.\d+/.exec(engine)?.[0] : version.replace(/\+.*/, "");
  return known === undefined ? `${program}, in a virtual machine` : `${program} ${known}`;
}

/** Returns the rows as lines of text. */
export function matrixTable(rows: readonly MatrixRow[]): string {
  const lines = rows.map(cellsOf);
  const widths = (lines[0] ?? []).map((_, at) =>
    Math.max(...lines.map((line) => line[at]!.length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
