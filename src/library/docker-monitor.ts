import { type Event, EventKind } from "../domain/event.ts";
import { parseDockerEvent } from "../engine/format/docker-event-line.ts";
import { Monitor } from "./monitor.ts";

const KINDS: ReadonlyMap<string, EventKind> = new Map([
  ["start", EventKind.ContainerStart],
  ["die", EventKind.ContainerDie],
  ["oom", EventKind.ContainerOom],
  ["pause", EventKind.ContainerPause],
  ["unpause", EventKind.ContainerUnpause],
]);

/**
 * Turns the output of `docker` with {@link dockerEventsArgs} into the events start, die, oom, pause
 * and unpause of one cluster's containers. It skips a line about anything else.
 */
export class DockerMonitor extends Monitor {
  readonly #containerPrefix: string;

  /** @param containerPrefix start of the names of the cluster's containers: `sind-dev-` */
  constructor(containerPrefix: string) {
    super();
    this.#containerPrefix = containerPrefix;
  }

  protected override parse(line: string): Event | "malformed" | undefined {
    const event = parseDockerEvent(line);
    if (event === undefined || event === "malformed") return event;
    const kind = KINDS.get(event.action);
    const container = event.attributes.get("name") ?? "";
    if (kind === undefined || !container.startsWith(this.#containerPrefix)) return undefined;
    const node = container.slice(this.#containerPrefix.length);
    if (node === "") return undefined;
    const detail =
      kind === EventKind.ContainerDie ? `exitCode=${event.attributes.get("exitCode") ?? ""}` : "";
    return { kind, node, container, unit: "", timeNs: event.timeNs, detail };
  }
}

/** Returns the arguments with which `docker` prints the events of one sind cluster, a JSON object a line. */
export function dockerEventsArgs(clusterName: string): string[] {
  return [
    "events",
    "--filter",
    "type=container",
    "--filter",
    `label=sind.cluster=${clusterName}`,
    "--format",
    "{{json .}}",
  ];
}
