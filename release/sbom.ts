/*
 * Prints the software bill of materials of a release, in CycloneDX: what npm installs with unitwatch,
 * which has all that the bundle is made of. `npm run sbom` runs it; it downloads nothing.
 *
 * npm gets a copy of the project without its devDependencies: `npm sbom --omit=dev` would leave out each
 * package that one of those needs too, see findings/npm-sbom-omits-shared.sh.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

interface Manifest {
  readonly devDependencies?: object;
}

interface Lock {
  readonly packages: Readonly<Record<string, Manifest & { readonly dev?: boolean }>>;
}

const temporary = mkdtempSync(join(tmpdir(), "unitwatch-sbom-"));
// npm names the document by the folder.
const folder = join(temporary, "unitwatch");
try {
  mkdirSync(folder);
  const { devDependencies: _, ...manifest } = read("package.json") as Manifest;
  const lock = read("package-lock.json") as Lock;
  const packages = Object.entries(lock.packages).flatMap(([path, { devDependencies, ...entry }]) =>
    entry.dev === true
      ? []
      : [[path, path === "" ? entry : { ...entry, devDependencies }] as const],
  );
  write("package.json", manifest);
  write("package-lock.json", { ...lock, packages: Object.fromEntries(packages) });
  const options = ["--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=application"];
  const sbom = execFileSync("npm", ["sbom", ...options], { cwd: folder, encoding: "utf8" });
  process.stdout.write(sbom);
} finally {
  rmSync(temporary, { recursive: true });
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8"));
}

function write(name: string, content: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(content));
}
