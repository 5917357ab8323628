import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { missingCommands } from "./engine/packages.ts";

/**
 * A command to run: the one that is installed, else that of Debian's package, unpacked in the cache.
 * Installing a package with a daemon would start it.
 */
export async function debianCommand(command: string, packageName: string): Promise<string> {
  if ((await missingCommands([command])).length === 0) return command;
  return join(await unpackedPackage(packageName), "usr/bin", command);
}

/** Folder with the files of Debian's package, as they would lie under `/`. */
export async function unpackedPackage(packageName: string): Promise<string> {
  const { UNITWATCH_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  const cache = own || join(xdg || join(homedir(), ".cache"), "unitwatch");
  const folder = join(cache, packageName);
  if (!(await isThere(folder))) await unpack(packageName, folder);
  return folder;
}

async function unpack(packageName: string, folder: string): Promise<void> {
  await mkdir(join(folder, ".."), { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    const download = () => execa("apt-get", ["download", packageName], { cwd: work });
    await download().catch(async () => {
      await execa("apt-get", ["update"]);
      await download();
    });
    await execa("sh", ["-c", "dpkg-deb --extract *.deb . && rm *.deb"], {
      cwd: work,
    });
    await rename(work, folder).catch(async (error: unknown) => {
      // Another test may have been first.
      if (!(await isThere(folder))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
