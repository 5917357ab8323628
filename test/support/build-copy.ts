import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
/** Files that `npm run build` and `npm pack` read. */
const FILES = [
  "src",
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "bundle.ts",
  "LICENSE",
];

/** Copies what a build reads to an empty folder: a build replaces dist/, which another test may use. */
export async function copyForBuild(folder: string): Promise<void> {
  for (const name of FILES) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
}
