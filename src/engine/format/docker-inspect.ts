import type {
  ContainerDetails,
  ContainerIdentity,
  ContainerStatus,
} from "../../domain/container.ts";
import { CONTAINER_STATUSES, HEALTH_STATUSES } from "../../domain/container.ts";
import type { IdentityFacts } from "./identity.ts";
import { type JsonObject, objectOf, textOf } from "../../platform/data/json.ts";
import { parseRfc3339Ns } from "./rfc3339.ts";

/** Label that decides, before anything else, whether systemd is watched in a container. */
const SYSTEMD_LABEL = "unitwatch.systemd";
const SYSTEMD_STOP_SIGNALS = new Set(["SIGRTMIN+3", "RTMIN+3", "37"]);
/** podman's names of statuses, where they differ from docker's; its API translates some. */
const PODMAN_STATUSES: ReadonlyMap<unknown, ContainerStatus> = new Map([
  ["configured", "created"],
  ["initialized", "created"],
  ["stopping", "running"],
  ["stopped", "exited"],
]);
const INIT_PATHS = /^\/(?:usr\/)?(?:s?bin\/init|(?:s?bin|lib\/systemd)\/systemd)$/;

/** Returns the status of an engine's word for it, podman's included; undefined if unknown. */
export function statusOf(word: unknown): ContainerStatus | undefined {
  return CONTAINER_STATUSES.find((status) => status === word) ?? PODMAN_STATUSES.get(word);
}

/**
 * Reads one inspect document of the engine. undefined if it has no id, name or status.
 *
 * ```json
 * {"Id":"…","Name":"/web","Created":"…","Path":"/sbin/init","Args":[],"RestartCount":0,
 *  "State":{"Status":"exited","Pid":0,"ExitCode":137,"OOMKilled":true,"StartedAt":"…",
 *           "FinishedAt":"…","Health":{"Status":"healthy"}},
 *  "HostConfig":{"Memory":268435456},
 *  "Config":{"Image":"debian","Labels":{"a":"b"},"StopSignal":"SIGRTMIN+3"}}
 * ```
 */
export function parseInspect(
  document: unknown,
  identify: (facts: IdentityFacts) => ContainerIdentity,
): ContainerDetails | undefined {
  const root = objectOf(document);
  const state = objectOf(root["State"]);
  const config = objectOf(root["Config"]);
  const id = textOf(root["Id"]);
  const name = textOf(root["Name"]).replace(/^\//, "");
  const status = statusOf(state["Status"]);
  if (id === "" || name === "" || status === undefined) return undefined;
  const labels = objectOf(config["Labels"]);
  const label = (key: string): string | undefined =>
    Object.hasOwn(labels, key) && typeof labels[key] === "string" ? labels[key] : undefined;
  const health = objectOf(state["Health"])["Status"];
  const memoryLimitBytes = integer(objectOf(root["HostConfig"])["Memory"]);
  return {
    identity: identify({ id, name, image: textOf(config["Image"]), label }),
    status,
    health: HEALTH_STATUSES.find((word) => word === health),
    createdAtNs: parseRfc3339Ns(textOf(root["Created"])),
    startedAtNs: parseRfc3339Ns(textOf(state["StartedAt"])),
    finishedAtNs: parseRfc3339Ns(textOf(state["FinishedAt"])),
    exitCode: integer(state["ExitCode"]),
    oomKilled: state["OOMKilled"] === true,
    ...(state["StoppedByUser"] === true && { stoppedByUser: true }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
    pid: Math.max(0, integer(state["Pid"])),
    restartCount: Math.max(0, integer(root["RestartCount"])),
    runsSystemd: runsSystemd(root, config, label(SYSTEMD_LABEL)),
  };
}

/** Decides by the configuration alone: an ordinary container is never entered. */
function runsSystemd(root: JsonObject, config: JsonObject, label: string | undefined): boolean {
  if (label === "true" || label === "false") return label === "true";
  // A string from docker, a number from podman before version 5.
  if (SYSTEMD_STOP_SIGNALS.has(String(config["StopSignal"]))) return true;
  const args = Array.isArray(root["Args"]) ? root["Args"] : [];
  return [root["Path"], ...args].some((word) => typeof word === "string" && INIT_PATHS.test(word));
}

function integer(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}
