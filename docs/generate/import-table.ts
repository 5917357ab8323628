import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { code, markdownTable } from "./markdown.ts";

const SRC = join(import.meta.dirname, "../../src");

/** Returns a row for each top folder of src: the other top folders that its files import from. */
export function importTable(): string {
  const imports = new Map<string, Set<string>>();
  for (const path of globSync("**/*.ts", { cwd: SRC })) {
    const from = topOf(path);
    const text = readFileSync(join(SRC, path), "utf8");
    const found = imports.get(from) ?? new Set();
    imports.set(from, found);
    for (const [, name = ""] of text.matchAll(/\b(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g)) {
      const to = topOf(relative(SRC, join(SRC, dirname(path), name)));
      if (to !== from && to !== "" && to !== "..") found.add(to);
    }
  }
  imports.delete("");
  const rows = [...imports]
    .toSorted(([a, { size: of }], [b, { size: to }]) => of - to || (a < b ? -1 : 1))
    .map(([folder, to]) => [
      code(folder),
      to.size === 0 ? "nothing" : [...to].toSorted().map(code).join(", "),
    ]);
  return markdownTable(["folder", "imports from"], rows);
}

/** Returns the top folder of a path in src; "" for a file of src itself. */
function topOf(path: string): string {
  const [top = "", ...rest] = path.split("/");
  return rest.length === 0 ? "" : top;
}
