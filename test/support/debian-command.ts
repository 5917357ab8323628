import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDir } from "./cache-dir.ts";
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
    await unpack(folder, (to) =>
      withDependencies
        ? [...INSTALL, "--option", `Dir::Cache::archives=${to}`, packageName]
        : ["download", packageName],
    );
  }
  return folder;
}

/** Options that skip apt's lock: a download needs none, and would fail during an installation. */
const INSTALL = [
  "install",
  "--yes",
  "--download-only",
  "--no-install-recommends",
  "--option=Debug::NoLocking=true",
];

/** @param argsFor apt-get's arguments that download packages into a folder */
async function unpack(folder: string, argsFor: (to: string) => string[]): Promise<void> {
  await mkdir(join(folder, ".."), { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    const download = () => execa("apt-get", argsFor(work), { cwd: work });
    await download().catch(async () => {
      await execa("apt-get", ["update"]);
      await download();
    });
    await execa("sh", ["-ec", UNPACK], { cwd: work });
    await rename(work, folder).catch(async (error: unknown) => {
      // Another test may have unpacked it already.
      if (!(await isThere(folder))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const UNPACK = `
for file in *.deb; do dpkg-deb --extract "$file" .; done
rm -rf *.deb partial lock`;

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
