import { stat } from "node:fs/promises";
import type {
  ContainerDescription,
  ContainerEnd,
  ContainerRegistry,
  HostContainer,
} from "../../domain/host-container.ts";
import { isHexId } from "../format/cgroup-path.ts";
import { readProcessArgs, readParentPid } from "./process-args.ts";
import { objectOf, type JsonObject } from "../../platform/data/json.ts";
import { parentContainer } from "./parent-container.ts";
import { boundedText, labelsOf, readHostFile, readJsonFile, readPidFile } from "./host-file.ts";
import type { HostPaths } from "./host-paths.ts";
import { untilEnded } from "./until-ended.ts";
import { podNames } from "./pod.ts";

const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * The storage of podman and CRI-O, as root: `/run/containers/storage/overlay-containers/ID/userdata` has
 * `pidfile`, and `config.json` there or in the folder below /var/lib. podman's names and labels are in its
 * database alone: its name is taken from conmon.
 */
export function storageFiles({ root, proc, clock }: HostPaths): ContainerRegistry {
  return {
    name: "containers-storage files",
    concerns: ({ id, runtime }) => isHexId(id) && (runtime === "podman" || runtime === "cri-o"),

    async describe({ id, pid, runtime }) {
      const folder = `overlay-containers/${id}/userdata`;
      const state = `${root}/run/containers/storage/${folder}`;
      if ((await readPidFile(`${state}/pidfile`)) !== pid) return undefined;
      const config =
        (await readJsonFile(`${state}/config.json`, MAX_CONFIG_BYTES)) ??
        (await readJsonFile(
          `${root}/var/lib/containers/storage/${folder}/config.json`,
          MAX_CONFIG_BYTES,
        ));
      const named = await nameByParent(proc, pid);
      const description = describeStorage(config ?? {}, { id, runtime });
      return named === undefined || description.node !== undefined
        ? description
        : { ...description, name: named };
    },

    end: ({ id, runtime, startedAtNs }, signal) =>
      untilEnded({ clock, signal }, () => readEnd(root, { id, runtime, startedAtNs })),
  };
}

/** Reads what conmon writes when a container ends: its exit code, and an empty file if memory ran out. */
async function readEnd(
  root: string,
  { id, runtime, startedAtNs }: Pick<HostContainer, "id" | "runtime" | "startedAtNs">,
): Promise<ContainerEnd | undefined> {
  const exit = `${root}/run/${runtime === "cri-o" ? "crio" : "libpod"}/exits/${id}`;
  const text = (await readHostFile(exit, 64))?.trim() ?? "";
  const finishedAtNs = (await stat(exit, { bigint: true }).catch(() => undefined))?.mtimeNs ?? 0n;
  // The file of an earlier run stays until the container starts again.
  if (!/^\d{1,3}$/.test(text) || finishedAtNs < startedAtNs) return undefined;
  const bundle = `${root}/var/lib/containers/storage/overlay-containers/${id}/userdata`;
  const oom = await stat(`${bundle}/oom`).catch(() => undefined);
  return { exitCode: Number(text), finishedAtNs, isOutOfMemory: oom !== undefined };
}

async function nameByParent(proc: string, pid: number): Promise<string | undefined> {
  const parent = await readParentPid(proc, pid);
  const args = parent === undefined ? undefined : await readProcessArgs(proc, parent);
  return args === undefined ? undefined : parentContainer(args)?.name;
}

function describeStorage(
  config: JsonObject,
  { id, runtime }: { readonly id: string; readonly runtime: string },
): ContainerDescription {
  const labels = labelsOf(config["annotations"]);
  const kubernetes = (key: string): string => labels.get(`io.kubernetes.${key}`) ?? "";
  const pod = {
    namespace: kubernetes("pod.namespace"),
    pod: kubernetes("pod.name"),
    container: kubernetes("container.name"),
  };
  const isPods = pod.namespace !== "" && pod.pod !== "" && pod.container !== "";
  return {
    name: boundedText(labels.get("io.kubernetes.cri-o.Name") ?? id),
    ...(isPods && podNames(pod)),
    image: kubernetes("cri-o.ImageName") || boundedText(objectOf(config["root"])["image"]),
    labels,
    runtime,
    isHidden: kubernetes("cri-o.ContainerType") === "sandbox",
  };
}
