import type { DockerMessage } from "./docker-message.ts";
import { isJsonObject, type JsonObject } from "../../platform/data/json.ts";

/** podman's words that differ from docker's; its API says some of them too. */
const PODMAN_ACTIONS: ReadonlyMap<unknown, string> = new Map([
  ["died", "die"],
  ["remove", "destroy"],
]);

/**
 * An event of podman's command in docker's shape, but for the words. `time` and `timeNano` come with podman 5, `Time`
 * with those before; `Attributes` are the labels, and null where there are none. Podman before
 * version 5 leaves out an exit code of 0.
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
 * An action in docker's words. What a health check found stands beside it in podman's events, and
 * nowhere in those of versions before 4:
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
