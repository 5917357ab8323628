import { homedir } from "node:os";
import { join } from "node:path";

/** What tests make or fetch once a machine: UNITWATCH_CACHE, else `unitwatch` in the user's cache folder. */
export function cacheDir(): string {
  const { UNITWATCH_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  return own || join(xdg || join(homedir(), ".cache"), "unitwatch");
}
