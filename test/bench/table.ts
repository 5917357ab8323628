import type { Row } from "./section.ts";

/** Returns the figures of a section as lines of text, with pass or FAIL if there is a floor. */
export function table(title: string, rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    `${figure(row.value)} ${row.unit}`.trim(),
    row.floor ?? "",
    row.pass === undefined ? "" : row.pass ? "pass" : "FAIL",
  ]);
  const widths = [0, 1, 2].map((at) => Math.max(0, ...cells.map((line) => line[at]?.length ?? 0)));
  const lines = cells.map(([name = "", value = "", floor = "", verdict = ""]) =>
    `  ${name.padEnd(widths[0]!)}  ${value.padStart(widths[1]!)}  ${floor.padEnd(widths[2]!)}  ${verdict}`.trimEnd(),
  );
  return [`\n${title}`, ...lines].join("\n");
}

/** Formats a number with three digits and with thousands separators. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
