import { readHostFile } from "./host-file.ts";

/** Command lines of runtimes have 4 KB at most: conmon's has one argument for each of its files. */
const MAX_ARGS_BYTES = 64 * 1024;
const MAX_STATUS_BYTES = 64 * 1024;

/** Returns the arguments of a process, as it has them now; undefined if it is gone. */
export async function readProcessArgs(
  proc: string,
  pid: number,
): Promise<readonly string[] | undefined> {
  const text = await readHostFile(`${proc}/${pid}/cmdline`, MAX_ARGS_BYTES);
  return text === undefined || text === "" ? undefined : text.replace(/\0+$/, "").split("\0");
}

/** Returns the parent of a process in the host's pid namespace; undefined if it has none there. */
export async function readParentPid(proc: string, pid: number): Promise<number | undefined> {
  const status = await readHostFile(`${proc}/${pid}/status`, MAX_STATUS_BYTES);
  const parent = Number(/^PPid:\t(\d{1,10})$/m.exec(status ?? "")?.[1] ?? 0);
  return parent > 0 ? parent : undefined;
}
