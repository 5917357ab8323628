import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./docker.ts";
import { debootstrapTars, IMAGE_DIR, type ImageTars } from "./image-cache.ts";

/** Debian suite of a node: bookworm has systemd 252, trixie 257. */
export type Suite = "bookworm" | "trixie";

/** A node of a suite; or a container of busybox alone, without systemd. */
export type ImageKind = Suite | "busybox";

/** What the image of this kind is called in the engine. */
export const imageName = (kind: ImageKind): string =>
  kind === "busybox" ? "unitwatch-test/busybox" : `unitwatch-test/node:${kind}`;

/** Part of each node, beside what Debian has in every installation. */
const PACKAGES = "systemd,systemd-sysv,dbus,iproute2,procps,busybox-static";

const LIMIT_MS = 10 * 60_000;

const asked = new Map<string, Promise<void>>();

/**
 * Sees to it that the engine has the image, {@link imageName}. It is made once a machine
 * (debootstrap, for root) or once an engine (docker build, for others), imported once an engine,
 * and looked for once a process.
 */
export function ensureImage(engine: Engine, kind: ImageKind, signal?: AbortSignal): Promise<void> {
  const key = `${engine.host} ${kind}`;
  const running = asked.get(key) ?? bringImage(engine, kind, signal);
  asked.set(key, running);
  running.catch(() => asked.delete(key));
  return running;
}

/** What the suite's images are made of, where that isn't an engine's business. For root. */
export function nodeTars(suite: Suite): Promise<ImageTars> {
  return debootstrapTars({ suite, recipe: recipeOf(suite), packages: PACKAGES });
}

async function bringImage(engine: Engine, kind: ImageKind, signal?: AbortSignal): Promise<void> {
  const options = { timeoutMs: LIMIT_MS, ...(signal && { signal }) };
  const suite = kind === "busybox" ? "bookworm" : kind;
  const target = kind === "busybox" ? "busybox" : "node";
  // Under its plain name the engine may have an image that an older recipe made.
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

/** What a Dockerfile would say, for what has none. */
const CONFIG = {
  node: ["-c", 'CMD ["/sbin/init"]', "-c", "ENV container=docker"],
  busybox: ["-c", 'CMD ["sh"]'],
} as const;

/** Another for anything else that the images are made of, the packages' versions aside. */
function recipeOf(suite: Suite): string {
  const hash = createHash("sha256").update(suite).update(PACKAGES);
  for (const file of readdirSync(IMAGE_DIR).sort())
    hash.update(readFileSync(join(IMAGE_DIR, file)));
  return hash.digest("hex").slice(0, 12);
}
