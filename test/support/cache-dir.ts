import { homedir } from "node:os";
import { join } from "node:path";

/** Folder of what tests build or download once per machine: UNITWATCH_CACHE, else `unitwatch` in the user's cache folder. */
export function cacheDir(): string {
  const { UNITWATCH_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  return own || join(xdg || join(homedir(), ".cache"), "unitwatch");
}
