import { readFile } from "node:fs/promises";
import { execa } from "execa";

export interface DebianMirror {
  readonly url: string;
  /** Proxy of apt, if any. */
  readonly proxy: string | undefined;
}

/**
 * Returns the mirror of this machine's apt. Undefined if the machine isn't Debian, or debootstrap
 * can't read the mirror: debootstrap then uses its default.
 */
export async function debianMirror(): Promise<DebianMirror | undefined> {
  const release = await readFile("/etc/os-release", "utf8");
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(release)?.[1];
  if (field("ID") !== "debian") return undefined;

  const codename = field("VERSION_CODENAME");
  const targets = await execa("apt-get", ["indextargets", "--format", "$(RELEASE) $(REPO_URI)"]);
  const urls = targets.stdout.split("\n").map((line) => line.split(" "));
  const url = urls.find(([suite, uri]) => suite === codename && /^https?:/.test(uri ?? ""))?.[1];
  if (url === undefined) return undefined;

  const proxy = await execa("apt-config", ["shell", "PROXY", "Acquire::http::Proxy"]);
  return { url, proxy: /^PROXY='(.+)'$/.exec(proxy.stdout)?.[1] };
}
