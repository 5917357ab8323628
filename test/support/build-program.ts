/**
 * Builds the program for tests: `node build-program.ts FOLDER`, where FOLDER is new and below the
 * project. It has what `npm run build` makes, but types are stripped and not checked.
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const SRC = join(ROOT, "src");

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: build-program.ts FOLDER");
const dist = join(folder, "dist");

for (const name of globSync("**/*.ts", { cwd: SRC })) {
  const code = stripTypeScriptTypes(readFileSync(join(SRC, name), "utf8"));
  const file = join(dist, name.replace(/\.ts$/, ".js"));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, code.replaceAll(/((?:from |import\(?)"\.[^"]*)\.ts"/g, '$1.js"'));
}
cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
const bundled = spawnSync(process.execPath, [join(ROOT, "bundle.ts"), dist], {
  cwd: ROOT,
  stdio: "inherit",
});
process.exitCode = bundled.status ?? 1;
