import type { DockerMessage } from "./docker-event-line.ts";
import { isJsonObject, type JsonObject } from "./json-object.ts";

/** podman's words that differ from docker's; its API says some of them too. */
export const PODMAN_ACTIONS: ReadonlyMap<unknown, string> = new Map([
  ["died", "die"],
  ["remove", "destroy"],
]);

/**
 * An event of podman's command in docker's shape. `time` and `timeNano` come with podman 5, `Time`
 * with those before; `Attributes` are the labels, and null where there are none.
 *
 *     {"ContainerExitCode":137,"ID":"5cb9…","Image":"busybox","Name":"web","Status":"died",
 *      "time":1795345339,"timeNano":1795345339060434057,"Type":"container","Attributes":null}
 */
export function dockerShapeOf(event: JsonObject): DockerMessage {
  const { Status, ID, Name, Image, ContainerExitCode, Attributes, Type, Time, time, timeNano } =
    event;
  const labels = isJsonObject(Attributes) ? Attributes : {};
  const exitCode = typeof ContainerExitCode === "number" ? `${ContainerExitCode}` : undefined;
  return {
    Type,
    Action:
      Status === "health_status" ? healthAction(event) : (PODMAN_ACTIONS.get(Status) ?? Status),
    Actor: { ID, Attributes: { ...labels, name: Name, image: Image, exitCode } },
    Time,
    time,
    timeNano,
  };
}

function healthAction({ health_status: health, HealthStatus: older }: JsonObject): unknown {
  const word = health ?? older;
  return typeof word === "string" ? `health_status: ${word}` : word;
}
