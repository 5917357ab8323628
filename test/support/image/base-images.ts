import { cp, mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import type { Engine } from "../engine/docker.ts";
import { ensureImage, imageName } from "../engine/images.ts";

/** Folder of package.json and Dockerfile. */
export const ROOT = join(import.meta.dirname, "../../..");

/** Base images of the Dockerfile, by build argument. */
export const BASE_IMAGES = {
  NODE_IMAGE: "unitwatch-test/node-js",
  DOCKER_CLI_IMAGE: "unitwatch-test/docker-cli",
} as const;

/** Packages that a build needs besides the program's dependencies. */
const BUILD_PACKAGES = /^(?:esbuild|@esbuild\/.+|typescript|@typescript\/.+|@types\/.+)$/;

/**
 * Makes the base images without a registry: the Node.js and the packages that `npm ci` installed, and
 * the machine's docker command, on the Debian of the test nodes.
 */
export async function ensureBaseImages(engine: Engine): Promise<void> {
  await ensureImage(engine, "bookworm");
  const context = await mkdtemp(join(tmpdir(), "unitwatch-image-"));
  try {
    await fillContext(context);
    for (const [target, tag] of [
      ["node", BASE_IMAGES.NODE_IMAGE],
      ["docker-cli", BASE_IMAGES.DOCKER_CLI_IMAGE],
    ] as const) {
      await buildImage(engine, context, [
        `--build-arg=DEBIAN=${imageName("bookworm")}`,
        `--target=${target}`,
        `--tag=${tag}`,
      ]);
    }
  } finally {
    await rm(context, { recursive: true });
  }
}

/** Runs `docker build` without network, with the builder that every engine has. */
export async function buildImage(
  engine: Engine,
  context: string,
  options: readonly string[],
): Promise<void> {
  const args = ["build", "--network=none", "--pull=false", "--force-rm", ...options, context];
  const { exitCode, stdout, stderr } = await engine.tryDocker(args, { timeoutMs: 5 * 60_000 });
  // The commands of the build print to stdout.
  if (exitCode !== 0) throw new Error(`docker build: ${stdout.slice(-4_000)}\n${stderr}`);
}

async function fillContext(context: string): Promise<void> {
  const modules = join(ROOT, "node_modules");
  for (const name of ["Dockerfile", "npm"]) {
    await cp(join(import.meta.dirname, name), join(context, name));
  }
  await cp(join(modules, "node/bin/node"), join(context, "node"));
  await cp(await dockerCommand(), join(context, "docker"));

  await mkdir(join(context, "node_modules/.bin"), { recursive: true });
  for (const name of [".bin/tsc", ...(await neededPackages())]) {
    const from = join(modules, name);
    const to = join(context, "node_modules", name);
    if (existsSync(from)) await cp(from, to, { recursive: true, verbatimSymlinks: true });
  }
}

/** Returns the top-level packages of the lock file that a build or the program needs. */
async function neededPackages(): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.entries(lock.packages).flatMap(([path, { dev = false }]) => {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
    return name !== undefined && (!dev || BUILD_PACKAGES.test(name)) ? [name] : [];
  });
}

/** Returns the path of the docker command. */
async function dockerCommand(): Promise<string> {
  const path = (process.env["PATH"] ?? "").split(delimiter);
  const found = path.map((folder) => join(folder, "docker")).find((file) => existsSync(file));
  if (found === undefined) throw new Error("no docker on the PATH");
  return realpath(found);
}
