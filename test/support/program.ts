/**
 * The program that tests start: built once from the present sources, which halves the CPU of a start. It
 * is the program that users start. `UNITWATCH_TEST_PROGRAM=sources` starts the sources, for stacks of
 * errors with their lines.
 */
import { spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const BUILDER = "test/support/build-program.ts";
const BUILDS = join(ROOT, "node_modules/.cache/program");
/** Builds of other sources are removed after this time: an earlier run may still use one. */
const KEPT_MS = 3_600_000;

/** Variable by which a run of Jest chooses the build. Without it, as in the demo, the sources are started. */
export const PROGRAM_VARIABLE = "UNITWATCH_TEST_PROGRAM";

let built: string | undefined;

/** Returns the path of an entry point. */
export function programFile(name: "healthcheck" | "main" = "main"): string {
  if (process.env[PROGRAM_VARIABLE] !== "built") return join(ROOT, "src", `${name}.ts`);
  return join(builtProgram(), "dist", `${name}.js`);
}

/** Returns a folder with package.json and dist/. */
export function builtProgram(): string {
  return (built ??= ensureBuilt());
}

/** Returns the folder of the build, which another process may have made. */
function ensureBuilt(): string {
  const folder = join(BUILDS, keyOfSources());
  if (existsSync(folder)) return folder;
  mkdirSync(BUILDS, { recursive: true });
  const draft = join(BUILDS, `draft-${randomUUID()}`);
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, BUILDER), draft]);
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw new Error(`the program can't be built: ${stderr.toString()}`);
  }
  try {
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  removeOthers(folder);
  return folder;
}

function keyOfSources(): string {
  const hash = createHash("sha256");
  const sources = globSync("src/**/*.ts", { cwd: ROOT }).toSorted();
  for (const name of [...sources, BUILDER, "bundle.ts", "package.json", "package-lock.json"]) {
    hash.update(`${name}\0`).update(readFileSync(join(ROOT, name)));
  }
  return hash.digest("hex").slice(0, 16);
}

function removeOthers(folder: string): void {
  for (const name of readdirSync(BUILDS)) {
    const other = join(BUILDS, name);
    const isOld = Date.now() - (statSync(other, { throwIfNoEntry: false })?.mtimeMs ?? 0) > KEPT_MS;
    if (other !== folder && isOld) rmSync(other, { recursive: true, force: true });
  }
}
