import type { Clock } from "../../domain/clock.ts";
import type { ContainerRegistry } from "../../domain/host-container.ts";
import { criRegistry } from "../cri/cri-registry.ts";
import { fileRegistries } from "../registry/registries.ts";

export interface RegistryOptions {
  readonly clock: Clock;
  /** Folder before the paths of state files. Default: the host's own root. */
  readonly root?: string;
  /** Folder of the host's processes. Default: `/proc`. */
  readonly proc?: string;
}

/**
 * Returns the registries of this host, the best first: a container has the name of the first one that
 * describes it. One whose files or socket are absent now may come later.
 */
export function hostRegistries(options: RegistryOptions): readonly ContainerRegistry[] {
  const { clock, root = "", proc = "/proc" } = options;
  return [criRegistry({ clock }), ...fileRegistries({ root, proc, clock })];
}
