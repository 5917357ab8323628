import type { ContainerRegistry } from "../../domain/host-container.ts";

/**
 * Returns the registries of this host, the best first: a container has the name of the first one that
 * describes it. One whose files or socket are absent now may come later.
 */
export function hostRegistries(): readonly ContainerRegistry[] {
  return [];
}
