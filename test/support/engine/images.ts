import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./docker.ts";
import { debootstrapTars, IMAGE_DIR, type ImageTars } from "./image-cache.ts";

/** Debian suite of a node. systemd is 247 in bullseye, 252 in bookworm, 257 in trixie, 262 in sid. */
export type Suite = "bullseye" | "bookworm" | "trixie" | "sid";

/** A node of a suite, or busybox without systemd. */
export type ImageKind = Suite | "busybox";

/** Returns the image's name in the engine. */
export const imageName = (kind: ImageKind): string =>
  kind === "busybox" ? "unitwatch-test/busybox" : `unitwatch-test/node:${kind}`;

/** Packages of each node, besides Debian's base system. */
const PACKAGES = "systemd,systemd-sysv,dbus,iproute2,procps,busybox-static";

const LIMIT_MS = 10 * 60_000;

const ensured = new Map<string, Promise<void>>();

/**
 * Ensures that the engine has the image {@link imageName}. It is made once per machine (debootstrap,
 * for root) or once per engine (docker build, for others), imported once per engine, and looked up
 * once per process.
 */
export function ensureImage(engine: Engine, kind: ImageKind, signal?: AbortSignal): Promise<void> {
  const key = `${engine.host} ${kind}`;
  const running = ensured.get(key) ?? bringImage(engine, kind, signal);
  ensured.set(key, running);
  running.catch(() => ensured.delete(key));
  return running;
}

/** Returns the recipe of the suite's images. Requires root. */
export function nodeTars(suite: Suite): Promise<ImageTars> {
  return debootstrapTars({ suite, recipe: recipeOf(suite), packages: PACKAGES });
}

async function bringImage(engine: Engine, kind: ImageKind, signal?: AbortSignal): Promise<void> {
  const options = { timeoutMs: LIMIT_MS, ...(signal && { signal }) };
  const suite = kind === "busybox" ? "bookworm" : kind;
  const target = kind === "busybox" ? "busybox" : "node";
  // The plain name may belong to an image of an older recipe.
  const recipe = recipeOf(suite);
  const exact = `unitwatch-test/${target}:${suite}-${recipe}`;

  if ((await engine.tryDocker(["image", "inspect", exact], options)).exitCode !== 0) {
    if (process.getuid?.() === 0) {
      const tars = await debootstrapTars({ suite, recipe, packages: PACKAGES, signal });
      await engine.docker(["import", ...CONFIG[target], tars[target], exact], options);
    } else {
      const args = { SUITE: suite, PACKAGES: PACKAGES.replaceAll(",", " ") };
      const build = Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`);
      build.push("--network=host", `--target=${target}`, `--tag=${exact}`, IMAGE_DIR);
      await engine.docker(["build", ...build], options);
    }
  }
  await engine.docker(["tag", exact, imageName(kind)], options);
}

/** Settings of imported images, which have no Dockerfile. */
const CONFIG = {
  node: ["-c", 'CMD ["/sbin/init"]', "-c", "ENV container=docker"],
  busybox: ["-c", 'CMD ["sh"]'],
} as const;

/** Key that changes with everything the images are made of, except package versions. */
function recipeOf(suite: Suite): string {
  const hash = createHash("sha256").update(suite).update(PACKAGES);
  for (const file of readdirSync(IMAGE_DIR).sort())
    hash.update(readFileSync(join(IMAGE_DIR, file)));
  return hash.digest("hex").slice(0, 12);
}
