import { type Event, EventKind } from "../domain/event.ts";
import { parseDockerEvent } from "../engine/format/docker-event-line.ts";
import { type ByteInput, lineEvents, type RunOptions } from "../platform/process/line-events.ts";

const KINDS: ReadonlyMap<string, EventKind> = new Map([
  ["start", EventKind.ContainerStart],
  ["die", EventKind.ContainerDie],
  ["oom", EventKind.ContainerOom],
  ["pause", EventKind.ContainerPause],
  ["unpause", EventKind.ContainerUnpause],
]);

/** Turns what `docker events` says into events of one cluster's containers. */
export class DockerMonitor {
  readonly #containerPrefix: string;
  #parseErrors = 0;

  /** @param containerPrefix what the names of the cluster's containers start with: `sind-dev-` */
  constructor(containerPrefix: string) {
    this.#containerPrefix = containerPrefix;
  }

  /** Lines so far that were malformed, not UTF-8, or longer than 1 MiB. */
  get parseErrors(): number {
    return this.#parseErrors;
  }

  /**
   * The events start, die, oom, pause and unpause in the output of `docker` with
   * {@link dockerEventsArgs}. A line about anything else, or about another container, is skipped.
   *
   * It ends when the stream or the signal does; when the stream fails, it throws that error. Only
   * the signal ends it while the stream has nothing to give.
   */
  run(stream: ByteInput, options: RunOptions = {}): AsyncGenerator<Event, void, undefined> {
    return lineEvents(stream, {
      signal: options.signal,
      parse: (line) => this.#parse(line),
      onBadLine: () => {
        this.#parseErrors += 1;
      },
    });
  }

  #parse(line: string): Event | "malformed" | undefined {
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

/** Arguments of `docker` that make it tell the events of one sind cluster, a JSON object a line. */
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
