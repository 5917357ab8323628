import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import manifest from "../../../package.json" with { type: "json" };
import lock from "../../../package-lock.json" with { type: "json" };
import { slowMs } from "../../support/slowness.ts";
import { copyForBuild } from "../../support/build-copy.ts";

interface LockedPackage {
  readonly version: string;
  /** The real name of a package that has an alias. */
  readonly name?: string;
  readonly dev?: boolean;
}

const ROOT = join(import.meta.dirname, "../../..");
/** A newer major than the one that the project runs on. */
const NODE_26 = "26.9.0";
const LIBRARY = `
import { EventKind, DockerMonitor } from "unitwatch";
const line = '{"Action":"oom","Actor":{"Attributes":{"name":"sind-dev-a"}},"timeNano":1}';
const [event] = await Array.fromAsync(new DockerMonitor("sind-dev-").run([line]));
console.log(process.version, event.kind === EventKind.ContainerOom);
`;

/** Files that npm publishes: the program with its types, the page, and those that it always takes. */
const PUBLISHED =
  /^(?:dist\/.+\.(?:js|d\.ts|txt)|docs\/unitwatch\.1|(?:CHANGELOG|README)\.md|LICENSE|package\.json)$/;

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unitwatch-npm-"));
  const source = join(folder, "source");
  await mkdir(source);
  await copyForBuild(source);
  for (const name of ["docs/unitwatch.1", "CHANGELOG.md", "README.md"]) {
    await cp(join(ROOT, name), join(source, name));
  }
  await execa("npm", ["pack", "--pack-destination", folder], { cwd: source });
  tarball = join(folder, `unitwatch-${manifest.version}.tgz`);
}, slowMs(60_000));
afterAll(() => rm(folder, { recursive: true }));

test("npm publishes the program, and nothing else", async () => {
  const { stdout } = await execa("tar", ["-tzf", tarball]);
  const names = stdout.split("\n").map((name) => name.replace(/^package\//, ""));
  expect(names.filter((name) => !PUBLISHED.test(name))).toEqual([]);
});

test("the bill of materials has each package that is installed or bundled", async () => {
  const { stdout } = await execa("npm", ["run", "--silent", "sbom"], { cwd: ROOT });
  const { components } = JSON.parse(stdout) as {
    readonly components: readonly { readonly name: string; readonly purl: string }[];
  };
  const listed = new Set(components.map(({ purl }) => decodeURIComponent(purl)));
  const shipped = Object.entries(lock.packages as Readonly<Record<string, LockedPackage>>).flatMap(
    ([path, { version, name, dev = false }]) =>
      path === "" || dev
        ? []
        : `pkg:npm/${name ?? path.replace(/^.*node_modules\//, "")}@${version}`,
  );
  expect(shipped.length).toBeGreaterThan(50);
  expect(components).toHaveLength(shipped.length);
  expect(shipped.filter((each) => !listed.has(each))).toEqual([]);
  const licences = await readFile(join(folder, "source/dist/third-party-licenses.txt"), "utf8");
  const bundled = [...licences.matchAll(/^(\S+) (\d+\.\d+\.\d+\S*) \(.+\)$/gm)];
  expect(bundled.length).toBeGreaterThan(10);
  for (const [, name, version] of bundled) expect(listed).toContain(`pkg:npm/${name}@${version}`);
});

describe.each([
  ["24", manifest.devDependencies.node],
  ["26", NODE_26],
])("with Node.js %s", (_, version) => {
  let project: string;
  let env: { readonly PATH: string; readonly HOME: string };

  beforeAll(async () => {
    // An empty folder of its own: npm would take one above it that has a package.json.
    const tools = join(folder, `node-${version}`);
    project = join(folder, `project-${version}`);
    await mkdir(tools);
    await mkdir(project);
    await writeFile(join(tools, "package.json"), "{}");
    await writeFile(join(project, "package.json"), '{"private":true,"type":"module"}');
    const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    const node = `node-${process.platform}-${process.arch}@${version}`;
    await execa("npm", ["install", ...quiet, "--no-save", node], { cwd: tools });
    const bin = join(tools, "node_modules", `node-${process.platform}-${process.arch}`, "bin");
    env = { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: process.env["HOME"] ?? "" };
    await execa("npm", ["install", ...quiet, tarball], { cwd: project, env });
  }, slowMs(180_000));

  const run = (command: string, ...args: readonly string[]) =>
    execa(command, args, { cwd: project, env });

  test("prints its version and its help", async () => {
    const { stdout } = await run("npx", "--no-install", "unitwatch", "--version");
    expect(stdout).toContain(`unitwatch ${manifest.version}`);
    expect(stdout).toContain(`v${version}`);
    expect((await run("npx", "--no-install", "unitwatch", "--help")).stdout).toContain(
      "--docker.host",
    );
  });

  test("checks a configuration, and rejects a bad one with 2", async () => {
    const bin = join(project, "node_modules/.bin/unitwatch");
    await run(bin, "--check-config", "--docker.host=unix:///nowhere", "--storage.path=");
    const bad = await execa(bin, ["--otlp.interval=soon"], { cwd: project, env, reject: false });
    expect(bad).toMatchObject({ exitCode: 2, stdout: "" });
    expect(bad.stderr.split("\n")).toHaveLength(1);
  });

  test("is imported as a library", async () => {
    await writeFile(join(project, "library.js"), LIBRARY);
    expect((await run("node", "library.js")).stdout).toBe(`v${version} true`);
  });

  test("has the man page where npm looks for it", async () => {
    const installed = join(project, "node_modules/unitwatch");
    const { man } = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as {
      readonly man: readonly [string];
    };
    expect(await readFile(join(installed, man[0]), "utf8")).toContain(".TH UNITWATCH 1");
  });
});
