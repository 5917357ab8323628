import type {
  ContainerDescription,
  ContainerEnd,
  ContainerRegistry,
} from "../../domain/host-container.ts";
import { type JsonObject, objectOf, textOf } from "../../platform/data/json.ts";
import { isHexId } from "../format/cgroup-path.ts";
import { parseRfc3339Ns } from "../format/rfc3339.ts";
import { boundedText, labelsOf, readJsonFile } from "./host-file.ts";
import type { HostPaths } from "./host-paths.ts";
import { untilEnded } from "./until-ended.ts";
import { podContainerOf, podNames } from "./pod.ts";

/** A container's file has 4 KB, and more with many labels, variables and mounts. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * Docker's own state: `/var/lib/docker/containers/ID/config.v2.json`, which dockerd writes at each
 * change. It has the exit code too.
 */
export function dockerFiles({ root, clock }: HostPaths): ContainerRegistry {
  const read = (id: string): Promise<JsonObject | undefined> =>
    readJsonFile(`${root}/var/lib/docker/containers/${id}/config.v2.json`, MAX_CONFIG_BYTES);
  return {
    name: "docker files",
    concerns: ({ id, runtime }) =>
      isHexId(id) && (runtime === "docker" || runtime === "containerd"),

    async describe({ id, pid }) {
      const file = await read(id);
      if (file === undefined || objectOf(file["State"])["Pid"] !== pid) return undefined;
      return describeDocker(file);
    },

    end: ({ id, startedAtNs }, signal) =>
      untilEnded({ clock, signal }, async () => {
        const file = await read(id);
        return file === undefined ? "unknown" : endOf(file, startedAtNs);
      }),
  };
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
