import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import { cacheDir } from "./cache-dir.ts";
import { systemEnv } from "./engine/packages.ts";

/** Program that is built from a Go module. */
export interface GoProgram {
  /** Path of its package, such as `github.com/rhysd/actionlint/cmd/actionlint`. */
  readonly path: string;
  /** Version of its module, such as `v1.7.12`, or the path of a program to use in its place. */
  readonly version: string;
  /** Build tags, separated by commas. */
  readonly tags?: string;
  /** Values of its variables of text, by package and name. */
  readonly variables?: Readonly<Record<string, string>>;
  /**
   * The module, if it lacks what its own repository has, or if its go.mod replaces modules, which
   * `go install` refuses.
   */
  readonly lacks?: {
    readonly module: string;
    /**
     * Files that its source embeds, such as those of a user interface, by path from the module's root;
     * an empty one is put there.
     */
    readonly files?: readonly string[];
    /** Version of the modules that are replaced by folders. Default: that which its go.mod requires. */
    readonly replaced?: string;
    /** Modules among these that the program doesn't need. */
    readonly unneeded?: readonly string[];
  };
}

/** Folder of Go's own caches and of built programs; nothing of the user's Go is changed. */
const goDir = (): string => join(cacheDir(), "go");

/** Environment of the command `go`: one compiler at a time, so that a build leaves a processor free. */
export function goEnv(): Readonly<Record<string, string>> {
  const { PATH } = systemEnv();
  return {
    PATH: `${PATH}:/usr/local/go/bin`,
    GOMODCACHE: join(goDir(), "mod"),
    GOCACHE: join(goDir(), "build"),
    GOTOOLCHAIN: "local",
    GOFLAGS: "-p=1",
    CGO_ENABLED: "0",
  };
}

/**
 * Returns the path of a program, which is built once per machine. A build takes from seconds to ten
 * minutes. @throws Error if Go is missing, or older than the module requires
 */
export async function goProgram({
  path,
  version,
  tags,
  variables = {},
  lacks,
}: GoProgram): Promise<string> {
  if (version.startsWith("/")) return version;
  const name = basename(path);
  return builtOnce(`${name}-${version}`, name, async (folder) => {
    const options = tags === undefined ? [] : ["-tags", tags];
    const set = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);
    if (set.length > 0) options.push("-ldflags", set.join(" "));
    const env = { ...goEnv(), GOBIN: folder };
    if (lacks === undefined) {
      const install = ["go", "install", ...options, `${path}@${version}`];
      await execa("nice", install, { cwd: folder, env });
      return;
    }
    const source = join(folder, "source");
    await copyModule(`${lacks.module}@${version}`, source);
    await addReplaced(source, lacks);
    for (const file of lacks.files ?? []) {
      await mkdir(dirname(join(source, file)), { recursive: true });
      await writeFile(join(source, file), "");
    }
    const install = ["go", "install", ...options, path];
    // A workspace or a list of vendored packages names what the module doesn't contain.
    const flags = `${goEnv()["GOFLAGS"]} -mod=mod`;
    const whole = { ...env, GOWORK: "off", GOFLAGS: flags };
    await execa("nice", install, { cwd: source, env: whole });
    await rm(source, { recursive: true });
  });
}

/** Adds the modules to the source that its go.mod replaces by folders, which a module doesn't contain. */
async function addReplaced(
  source: string,
  { replaced, unneeded = [] }: NonNullable<GoProgram["lacks"]>,
): Promise<void> {
  const text = await readFile(join(source, "go.mod"), "utf8");
  const required = new Map(
    [...text.matchAll(/^(?:require)?\s*(\S+) (v\S+)/gm)].map(([, path, at]) => [path, at]),
  );
  for (const [, path = "", folder = ""] of text.matchAll(/(\S+) => (\.\/\S+)$/gm)) {
    const to = join(source, folder);
    if (existsSync(to)) continue;
    if (unneeded.includes(path)) {
      await mkdir(to, { recursive: true });
      await writeFile(join(to, "go.mod"), `module ${path}\n`);
    } else {
      await copyModule(`${path}@${replaced ?? required.get(path)}`, to);
    }
  }
}

/** Copies a module, with the right to write to it. */
async function copyModule(module: string, to: string): Promise<void> {
  await cp(await goModule(module), to, { recursive: true });
  await execa("chmod", ["-R", "u+w", to]);
}

/**
 * Returns the folder of a module's files, by `PATH@VERSION`. They are downloaded once per machine, and
 * read-only.
 */
export async function goModule(module: string): Promise<string> {
  await mkdir(goDir(), { recursive: true });
  const download = ["mod", "download", "-json", module];
  const { stdout } = await execa("go", download, { cwd: goDir(), env: goEnv() });
  return (JSON.parse(stdout) as { readonly Dir: string }).Dir;
}

/**
 * Returns the path of file `name`, which `build` makes in a folder that becomes `key` in the cache when
 * it is whole.
 */
export async function builtOnce(
  key: string,
  name: string,
  build: (folder: string) => Promise<void>,
): Promise<string> {
  const programs = join(goDir(), "programs");
  const made = join(programs, key);
  if (existsSync(made)) return join(made, name);
  await mkdir(programs, { recursive: true });
  const work = await mkdtemp(join(programs, ".work-"));
  try {
    await build(work);
    await rename(work, made).catch((error: unknown) => {
      // Another process may have made it already.
      if (!existsSync(made)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return join(made, name);
}
