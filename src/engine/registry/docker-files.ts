import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type {
  ContainerDescription,
  ContainerEnd,
  ContainerRegistry,
  HostContainer,
} from "../../domain/host-container.ts";
import { type JsonObject, objectOf, textOf } from "../../platform/data/json.ts";
import { isHexId } from "../format/cgroup-path.ts";
import { parseRfc3339Ns } from "../format/rfc3339.ts";
import { boundedText, labelsOf, readJsonFile } from "./host-file.ts";
import type { HostPaths } from "./host-paths.ts";
import { podContainerOf, podNames } from "./pod.ts";
import { untilEnded } from "./until-ended.ts";

/** A container's file has 4 KB, and more with many labels, variables and mounts. */
const MAX_CONFIG_BYTES = 1024 * 1024;
const CONFIG = "config.v2.json";
const DEFAULT_FOLDER = "/var/lib/docker/containers";
/** Files that dockerd mounts into each container, from the folder that has its state. */
const MOUNTED = /^\/etc\/(?:hostname|hosts|resolv\.conf)$/;

/** Folder of a container that has a name. */
interface Known {
  readonly folder: string;
  readonly watcher: FSWatcher | undefined;
}

/**
 * Docker's own state: `config.v2.json` in the folder of the container, which dockerd writes at each change.
 * It has the exit code too. The folder is below `/var/lib/docker/containers`, or where the mounts in the
 * OCI configuration show it, which is in the working folder of the container's shim, a process of root's.
 */
export function dockerFiles(paths: HostPaths): ContainerRegistry {
  return new DockerFiles(paths);
}

class DockerFiles implements ContainerRegistry {
  readonly name = "docker files";
  readonly #paths: HostPaths;
  readonly #known = new Map<string, Known>();
  #changed: ((id: string) => void) | undefined;

  constructor(paths: HostPaths) {
    this.#paths = paths;
  }

  concerns({ id, runtime }: Pick<HostContainer, "id" | "runtime">): boolean {
    return isHexId(id) && (runtime === "docker" || runtime === "containerd");
  }

  async describe(container: HostContainer): Promise<ContainerDescription | undefined> {
    const { id, pid, isProven } = container;
    for (const folder of await this.#foldersOf(container)) {
      const file = await readConfig(folder);
      // The pid may not be written yet; a shim that has the id is proof without it.
      const isOf = file?.["ID"] === id && isProven;
      if (file === undefined || (!isOf && objectOf(file["State"])["Pid"] !== pid)) continue;
      const description = describeDocker(file);
      if (description !== undefined) this.#follow(id, folder);
      return description;
    }
    return undefined;
  }

  end({ id, startedAtNs }: HostContainer, signal: AbortSignal): Promise<ContainerEnd | undefined> {
    const { root, clock } = this.#paths;
    const folder = this.#known.get(id)?.folder ?? `${root}${DEFAULT_FOLDER}/${id}`;
    return untilEnded({ clock, signal }, async () => {
      const file = await readConfig(folder);
      return file === undefined ? "unknown" : endOf(file, startedAtNs);
    });
  }

  async keeps({ id }: HostContainer): Promise<boolean | undefined> {
    const known = this.#known.get(id);
    return known && (await readConfig(known.folder)) !== undefined;
  }

  forget(id: string): void {
    this.#known.get(id)?.watcher?.close();
    this.#known.delete(id);
  }

  async run(changed: (id: string) => void): Promise<void> {
    this.#changed = changed;
  }

  /** Returns the folders in which dockerd may have the container, as this process reaches them. */
  async #foldersOf({ id, parent, isProven }: HostContainer): Promise<readonly string[]> {
    const known = this.#known.get(id)?.folder;
    if (known !== undefined) return [known];
    const { root, proc } = this.#paths;
    const folders = [`${root}${DEFAULT_FOLDER}/${id}`];
    if (!isProven) return folders;
    const shim = `${proc}/${parent}`;
    const { mounts } = (await readJsonFile(`${shim}/cwd/config.json`, MAX_CONFIG_BYTES)) ?? {};
    for (const mount of Array.isArray(mounts) ? mounts : []) {
      const { source, destination } = objectOf(mount);
      const folder = dirname(textOf(source));
      if (!MOUNTED.test(textOf(destination)) || !folder.endsWith(`/${id}`)) continue;
      // The shim ends with the container: the roots of other processes lead there afterwards.
      return [root, `${proc}/1/root`, `${shim}/root`].map((each) => `${each}${folder}`);
    }
    return folders;
  }

  /** Watches for a rename, and for the removal. */
  #follow(id: string, folder: string): void {
    if (this.#changed === undefined || this.#known.has(id)) return;
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(folder, { persistent: false }, (_, file) => {
        // dockerd writes another file, and gives it this name.
        if (file === CONFIG || file === id) this.#changed?.(id);
      });
      watcher.on("error", () => {});
    } catch {
      // The kernel allows no more watches: a rename isn't seen then.
    }
    this.#known.set(id, { folder, watcher });
  }
}

function readConfig(folder: string): Promise<JsonObject | undefined> {
  return readJsonFile(`${folder}/${CONFIG}`, MAX_CONFIG_BYTES);
}

function describeDocker(file: JsonObject): ContainerDescription | undefined {
  const name = boundedText(file["Name"]).replace(/^\//, "");
  if (name === "") return undefined;
  const config = objectOf(file["Config"]);
  const labels = labelsOf(config["Labels"]);
  const pod = podContainerOf(labels);
  return {
    name,
    ...(pod !== undefined && podNames(pod)),
    image: boundedText(config["Image"]),
    labels,
    runtime: "docker",
    // cri-dockerd marks the container that holds a pod's namespaces.
    isHidden: labels.get("io.kubernetes.docker.type") === "podsandbox",
  };
}

/** Returns the end of the run that began then; undefined while the file has an earlier state. */
function endOf(file: JsonObject, startedAtNs: bigint): ContainerEnd | undefined {
  const state = objectOf(file["State"]);
  const exitCode = state["ExitCode"];
  const finishedAtNs = parseRfc3339Ns(textOf(state["FinishedAt"]));
  if (state["Running"] !== false || !Number.isSafeInteger(exitCode)) return undefined;
  if (finishedAtNs < startedAtNs) return undefined;
  return {
    exitCode: exitCode as number,
    finishedAtNs,
    isOutOfMemory: state["OOMKilled"] === true,
  };
}
