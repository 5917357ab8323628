import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDir } from "../cache-dir.ts";
import { debianMirror } from "./debian-mirror.ts";
import { ensureCommands, systemEnv } from "./packages.ts";

/** Folder of the scripts that make the images. */
export const IMAGE_DIR = join(import.meta.dirname, "image");

export interface ImageRecipe {
  /** A Debian suite. */
  readonly suite: string;
  /** Key of this recipe. */
  readonly recipe: string;
  /** Names of Debian packages, separated by commas. */
  readonly packages: string;
  readonly signal?: AbortSignal | undefined;
}

/** Paths of uncompressed tars, because engines import compressed ones slowly or not at all. */
export interface ImageTars {
  readonly node: string;
  readonly busybox: string;
}

const COMMANDS = {
  debootstrap: "debootstrap debian-archive-keyring",
  gpgv: "gpgv",
  setpriv: "util-linux",
  unshare: "util-linux",
  flock: "util-linux",
} as const;

/**
 * Returns the recipe's tars from the cache, or makes them with debootstrap, which requires root. A
 * lock makes concurrent processes wait for one build.
 */
export async function debootstrapTars(image: ImageRecipe): Promise<ImageTars> {
  const { suite, recipe, packages, signal } = image;
  const dir = join(cacheDir(), `${suite}-${recipe}`);
  const tars = { node: join(dir, "node.tar"), busybox: join(dir, "busybox.tar") };
  // Written last, and whole: apt takes seconds to name its mirror.
  if (existsSync(tars.node)) return tars;
  await ensureCommands(COMMANDS, signal);
  await mkdir(dir, { recursive: true });
  const mirror = await debianMirror();
  // In namespaces bound to this process, so that its processes and mounts end with it, even if it
  // is killed.
  const bound = ["--pdeathsig=KILL", "unshare", "-mpf", "--mount-proc", "--kill-child"];
  const make = ["sh", join(IMAGE_DIR, "debootstrap.sh"), suite, dir, packages, mirror?.url ?? ""];
  await execa("setpriv", [...bound, "flock", join(dir, "lock"), ...make], {
    env: { ...systemEnv(), ...(mirror?.proxy && { http_proxy: mirror.proxy }) },
    ...(signal && { cancelSignal: signal }),
  });
  return tars;
}
