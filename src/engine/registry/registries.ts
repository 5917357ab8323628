/**
 * Facts of containers that need no engine's answer: from the state files of runtimes, and from the
 * process that started a container. `registries.ts` lists them, the best first.
 *
 * May import domain, platform and engine/format. Files are those of the host's root and are trusted, but
 * each is bounded. A registry describes a container only if its file names the container's PID 1, or its
 * runtime's process is the parent of that: a cgroup's name alone proves nothing.
 */
import type { ContainerRegistry } from "../../domain/host-container.ts";
import { bundleFiles } from "./bundle-files.ts";
import type { HostPaths } from "./host-paths.ts";
import { dockerFiles } from "./docker-files.ts";
import { machineFiles } from "./machine-files.ts";
import { parentProcess } from "./parent-process.ts";
import { storageFiles } from "./storage-files.ts";

/** Returns the registries that read files of the host, the best first. */
export function fileRegistries(paths: HostPaths): readonly ContainerRegistry[] {
  return [
    dockerFiles(paths),
    bundleFiles(paths),
    storageFiles(paths),
    machineFiles(paths),
    parentProcess(paths),
  ];
}
