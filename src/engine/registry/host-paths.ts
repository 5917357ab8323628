import type { Clock } from "../../domain/clock.ts";

/** Folders that registries read below, and the clock that they wait by. */
export interface HostPaths {
  /** Before all paths of files; "" for the host's own root. */
  readonly root: string;
  /** The host's processes: `/proc`. */
  readonly proc: string;
  readonly clock: Pick<Clock, "sleep">;
}
