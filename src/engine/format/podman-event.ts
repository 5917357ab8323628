import type { DockerMessage } from "./docker-message.ts";
import { isJsonObject, type JsonObject } from "../../platform/data/json.ts";

/** podman's actions that differ from docker's; its API uses some of them too. */
const PODMAN_ACTIONS: ReadonlyMap<unknown, string> = new Map([
  ["died", "die"],
  ["remove", "destroy"],
]);

/**
 * Returns an event of podman's command in docker's shape, its action unchanged. podman 5 has `time`
 * and `timeNano`, older ones `Time`; `Attributes` are the labels, or null. podman before version 5
 * leaves out an exit code of 0.
 *
 *     {"ContainerExitCode":137,"ID":"5cb9…","Image":"busybox","Name":"web","Status":"died",
 *      "time":1795345339,"timeNano":1795345339060434057,"Type":"container","Attributes":null}
 */
export function dockerShapeOf(event: JsonObject): DockerMessage {
  const { Status, ID, Name, Image, Attributes, Type, Time, time, timeNano } = event;
  const labels = isJsonObject(Attributes) ? Attributes : {};
  return {
    Type,
    Action: Status,
    Actor: { ID, Attributes: { ...labels, name: Name, image: Image, exitCode: exitCodeOf(event) } },
    Time,
    time,
    timeNano,
  };
}

/**
 * Returns an action in docker's words. podman's events have the result of a health check in another
 * member, and before version 4 they lack it:
 *
 *     {"Action":"health_status","HealthStatus":"healthy", …}     by its API
 *     {"Status":"health_status","health_status":"healthy", …}    by its command
 */
export function podmanAction(action: unknown, event: JsonObject): unknown {
  if (action !== "health_status") return PODMAN_ACTIONS.get(action) ?? action;
  const health = event["HealthStatus"] ?? event["health_status"];
  return typeof health === "string" ? `health_status: ${health}` : action;
}

function exitCodeOf({ Status, ContainerExitCode: code }: JsonObject): string | undefined {
  if (Status === "died" && code === undefined) return "0";
  return typeof code === "number" ? `${code}` : undefined;
}
