import { readFile } from "node:fs/promises";
import { execa } from "execa";

export interface DebianMirror {
  readonly url: string;
  /** What apt reaches it through, if anything. */
  readonly proxy: string | undefined;
}

/**
 * The mirror that this machine's apt installs its own suite from. Undefined where that isn't
 * Debian, or is no place that debootstrap can read: debootstrap then has its own default.
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
