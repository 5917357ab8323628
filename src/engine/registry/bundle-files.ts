import type { ContainerDescription, ContainerRegistry } from "../../domain/host-container.ts";
import { readdir } from "node:fs/promises";
import type { JsonObject } from "../../platform/data/json.ts";
import { isContainerdId } from "../format/cgroup-path.ts";
import { boundedText, labelsOf, readJsonFile, readPidFile } from "./host-file.ts";
import type { HostPaths } from "./host-paths.ts";
import { podNames } from "./pod.ts";

/** An OCI configuration has 20 KB. */
const MAX_CONFIG_BYTES = 1024 * 1024;
const MAX_NAMESPACES = 64;

/** Folders of containerd's tasks: its own, those of k3s and RKE2, of MicroK8s, and of a Docker with its own. */
const STATE_FOLDERS = [
  "/run/containerd",
  "/run/k3s/containerd",
  "/var/snap/microk8s/common/run/containerd",
  "/run/docker/containerd/daemon",
] as const;
/** dockerd's namespace. */
const MOBY = "moby";

/** containerd's tasks: `io.containerd.runtime.v2.task/NAMESPACE/ID` has `config.json` and `init.pid`. */
export function bundleFiles({ root }: HostPaths): ContainerRegistry {
  return {
    name: "containerd files",
    concerns: ({ id, runtime }) =>
      (runtime === "containerd" || runtime === "docker") && isContainerdId(id),

    async describe({ id, pid }) {
      for (const folder of STATE_FOLDERS) {
        const tasks = `${root}${folder}/io.containerd.runtime.v2.task`;
        for (const namespace of await namespacesOf(tasks)) {
          const bundle = `${tasks}/${namespace}/${id}`;
          if ((await readPidFile(`${bundle}/init.pid`)) !== pid) continue;
          const config = await readJsonFile(`${bundle}/config.json`, MAX_CONFIG_BYTES);
          return config === undefined ? undefined : describeTask(config, { id, namespace });
        }
      }
      return undefined;
    },
  };
}

async function namespacesOf(tasks: string): Promise<readonly string[]> {
  const names = await readdir(tasks).catch(() => []);
  return names.filter(isContainerdId).slice(0, MAX_NAMESPACES);
}

function describeTask(
  config: JsonObject,
  { id, namespace }: { readonly id: string; readonly namespace: string },
): ContainerDescription {
  const labels = labelsOf(config["annotations"]);
  const cri = (key: string): string => labels.get(`io.kubernetes.cri.${key}`) ?? "";
  const pod = {
    namespace: cri("sandbox-namespace"),
    pod: cri("sandbox-name"),
    container: cri("container-name"),
  };
  const isPods = pod.namespace !== "" && pod.pod !== "" && pod.container !== "";
  return {
    name: boundedText(labels.get("nerdctl/name") ?? id),
    ...(isPods && podNames(pod)),
    image: cri("image-name"),
    labels,
    runtime: namespace === MOBY ? "docker" : "containerd",
    isHidden: cri("container-type") === "sandbox",
  };
}
