import { access, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDir } from "./cache-dir.ts";
import { debianMirror } from "./engine/debian-mirror.ts";
import { missingCommands } from "./engine/packages.ts";

/**
 * Returns the path of a command: the installed one, else that of Debian's package, unpacked in the
 * cache. The package is not installed, because that would start its daemon.
 */
export async function debianCommand(command: string, packageName: string): Promise<string> {
  if ((await missingCommands([command])).length === 0) return command;
  return join(await unpackedPackage(packageName), "usr/bin", command);
}

/**
 * Returns a folder with the files of Debian's package, laid out as under `/`; `withDependencies` adds
 * the packages that it needs and that aren't installed.
 */
export async function unpackedPackage(
  packageName: string,
  { withDependencies = false } = {},
): Promise<string> {
  const folder = join(cacheDir(), packageName);
  if (!(await isThere(folder))) {
    await unpack(folder, async (to) => {
      const args = withDependencies
        ? [...INSTALL, "--option", `Dir::Cache::archives=${to}`, packageName]
        : ["download", packageName];
      const download = () => execa("apt-get", args, { cwd: to });
      await download().catch(async () => {
        await execa("apt-get", ["update"]);
        await download();
      });
    });
  }
  return folder;
}

/**
 * Returns the path of a command of another Debian suite, such as `sid`: that of its package, unpacked
 * in the cache. The machine's apt keeps its sources and lists.
 */
export async function suiteCommand(
  suite: string,
  command: string,
  packageName = command,
): Promise<string> {
  return join(await suitePackage(suite, packageName), "usr/bin", command);
}

/** Returns a folder with the files of a suite's package, without what it depends on. */
export async function suitePackage(suite: string, packageName: string): Promise<string> {
  const folder = join(cacheDir(), `${suite}-${packageName}`);
  if (!(await isThere(folder))) {
    await unpack(folder, async (to) => {
      const options = await suiteOptions([suite], to);
      await execa("apt-get", [...options, "update"]);
      await execa("apt-get", [...options, "download", packageName], { cwd: to });
    });
  }
  return folder;
}

/** Packages of a root folder, from one Debian suite; `experimental` builds on `sid`. */
export interface SuiteRoot {
  /** Name of the folder in the cache. */
  readonly name: string;
  readonly suite: string;
  /** Packages that are taken with all that they depend on. */
  readonly packages: readonly string[];
  /** Debian's name of the architecture of their programs; default the machine's. */
  readonly architecture?: string;
}

/** Packages whose commands the scripts of a private engine run. */
const ROOT_BASE = ["base-files", "coreutils", "dash", "findutils", "mount", "util-linux"];

/**
 * Returns a root folder with the packages of a Debian suite: unpacked in the cache once per machine,
 * which takes half a minute, and never installed. A private engine runs from it.
 */
export async function suiteRoot(root: SuiteRoot): Promise<string> {
  const { name, suite, packages, architecture } = root;
  const folder = join(cacheDir(), "roots", name);
  if (!(await isThere(folder))) {
    await unpack(folder, async (to) => {
      const isExperimental = suite === "experimental";
      const options = await suiteOptions(isExperimental ? ["sid", suite] : [suite], to);
      options.push(`--option=Dir::Cache::archives=${to}`);
      if (isExperimental) options.push(`--target-release=${suite}`);
      if (architecture !== undefined) {
        options.push(`--option=APT::Architecture=${architecture}`);
        options.push(`--option=APT::Architectures=${architecture}`);
      }
      await execa("apt-get", [...options, "update"]);
      await execa("apt-get", [...options, ...INSTALL, ...ROOT_BASE, ...packages]);
    });
  }
  return folder;
}

/**
 * Returns apt's options that replace its sources by suites, with lists of its own in the folder. It
 * knows no installed package: what a package depends on comes too.
 */
async function suiteOptions(suites: readonly string[], folder: string): Promise<string[]> {
  const { url, proxy } = (await debianMirror()) ?? { url: "http://deb.debian.org/debian" };
  const apt = join(folder, "apt");
  await mkdir(join(apt, "lists/partial"), { recursive: true });
  const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
  const sources = suites.map((suite) => `deb [signed-by=${keys}] ${url} ${suite} main\n`);
  await writeFile(join(apt, "sources.list"), sources.join(""));
  await writeFile(join(apt, "status"), "");
  const settings = {
    "Dir::Etc::sourcelist": join(apt, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": join(apt, "lists"),
    "Dir::State::status": join(apt, "status"),
    "Dir::Cache": apt,
    "Acquire::Languages": "none",
    "Acquire::GzipIndexes": "true",
    "APT::Sandbox::User": "root",
    "Debug::NoLocking": "true",
    ...(proxy !== undefined && { "Acquire::http::Proxy": proxy }),
  };
  return Object.entries(settings).map(([name, value]) => `--option=${name}=${value}`);
}

/** Options that skip apt's lock: a download needs none, and would fail during an installation. */
const INSTALL = [
  "install",
  "--yes",
  "--download-only",
  "--no-install-recommends",
  "--option=Debug::NoLocking=true",
];

/** Makes the folder with the files of the packages that `download` writes into another. */
async function unpack(folder: string, download: (to: string) => Promise<void>): Promise<void> {
  await mkdir(join(folder, ".."), { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    await download(work);
    await execa("sh", ["-ec", UNPACK], { cwd: work });
    await rename(work, folder).catch(async (error: unknown) => {
      // Another test may have unpacked it already.
      if (!(await isThere(folder))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

// base-files has the links from /bin and /lib to /usr, which the files of other packages go through.
const UNPACK = `
for file in $(ls base-files_*.deb 2>/dev/null) *.deb; do dpkg-deb --extract "$file" .; done
rm -rf *.deb partial lock apt`;

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
