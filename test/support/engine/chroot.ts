import { open, readFile, readlink } from "node:fs/promises";
import { execa } from "execa";
import { systemEnv } from "./packages.ts";

/** Reason why no engine can be started in a chroot. */
export const IN_CHROOT = "/ is not the root of the mount namespace, as in a chroot";

/** @throws Error in a chroot */
export async function rejectChroot(): Promise<void> {
  if (await isChrooted()) throw new Error(`no private engine can be started: ${IN_CHROOT}`);
}

/**
 * Returns whether `/` of this process isn't the root of its mount namespace. The engine's processes
 * enter that root, as `docker exec` does, and would run there. Requires root.
 */
export async function isChrooted(): Promise<boolean> {
  // The kernel refuses a user namespace in a chroot; elsewhere a limit or a filter may refuse it too.
  if (await succeeds("unshare", ["--user", "true"])) return false;
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  if (!/^\d+ \d+ \S+ \S+ \/ /m.test(mounts)) return true;
  const own = await placeOf("/");
  if (await sharesMountsWithInit()) return own !== (await placeOf("/proc/1/root"));
  // Process 1 is in another mount namespace, as that of a container with the host's pids.
  const entered = await execa("nsenter", ["--mount=/proc/self/ns/mnt", "sh", "-c", SHOW_PLACE], {
    reject: false,
    env: systemEnv(),
  });
  return entered.exitCode !== 0 || own !== place(entered.stdout);
}

const SHOW_PLACE = "exec 3</ && cat /proc/self/fdinfo/3 && stat -c 'ino:%i' /";

async function sharesMountsWithInit(): Promise<boolean> {
  const namespaces = ["/proc/self/ns/mnt", "/proc/1/ns/mnt"].map((path) => readlink(path));
  const [own, init] = await Promise.all(namespaces).catch(() => ["", undefined]);
  return own === init;
}

/** Returns the mount and the inode of a folder. */
async function placeOf(path: string): Promise<string> {
  await using folder = await open(path);
  const info = await readFile(`/proc/self/fdinfo/${folder.fd}`, "utf8");
  const { ino } = await folder.stat();
  return place(`${info}\nino:${ino}`);
}

function place(info: string): string {
  const [, mount] = /^mnt_id:\s*(\d+)/m.exec(info) ?? [];
  const [, inode] = /^ino:(\d+)$/m.exec(info) ?? [];
  return `${mount}:${inode}`;
}

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  const { exitCode } = await execa(command, args, { reject: false, env: systemEnv() });
  return exitCode === 0;
}
