/**
 * The container engine. `api/` and `cli/` are the two ways to it (`ContainerRuntime`), `format/` parses
 * what it sends, `watch/` follows it. This file joins a runtime and the formats to an `EngineSource`.
 *
 * May import domain and platform; only `watch/` imports state. Foreign input is bounded and checked
 * here: what passes on is valid.
 */
import type { ContainerDetails, ContainerIdentity } from "../domain/container.ts";
import type { EngineEvent } from "../domain/engine-event.ts";
import type { EngineSink, EngineSource, Inspection, Uninspected } from "../domain/engine-source.ts";
import type { ProcessExit } from "../domain/process.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { parseDockerEvent } from "./format/docker-event-line.ts";
import { parseInspect } from "./format/docker-inspect.ts";
import { parseSummary } from "./format/docker-list.ts";
import { eventFilter } from "./format/event-filter.ts";
import type { IdentityFacts } from "./format/identity.ts";
import { objectOf, textOf } from "../platform/data/json.ts";
import { lineEvents } from "../platform/process/line-events.ts";

/**
 * The actions that change the state. The engine keeps few events, and each `docker exec` adds three:
 * the stream is restricted to these.
 */
const ACTIONS = [
  "create",
  "start",
  "kill",
  "stop",
  "die",
  "oom",
  "pause",
  "unpause",
  "destroy",
  "restart",
  "rename",
  "health_status",
  // podman filters die and destroy by these names; dockerd has no such actions.
  "died",
  "remove",
] as const;

/** Reads events, listings and details of a Docker-compatible engine through a runtime. */
export class DockerEngineSource implements EngineSource {
  readonly #runtime: ContainerRuntime;
  readonly #identify: (facts: IdentityFacts) => ContainerIdentity;
  readonly #concerns: (event: EngineEvent) => boolean;

  /** @param filters filters of the runtime, which the engine applies to events only in part */
  constructor(
    runtime: ContainerRuntime,
    identify: (facts: IdentityFacts) => ContainerIdentity,
    filters: readonly string[] = [],
  ) {
    this.#runtime = runtime;
    this.#identify = identify;
    this.#concerns = eventFilter(filters);
  }

  replay(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly untilNs: bigint; readonly signal: AbortSignal },
  ): Promise<void> {
    return this.events(sink, options);
  }

  async events(
    sink: EngineSink,
    options: {
      readonly sinceNs: bigint;
      readonly untilNs?: bigint;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { signal } = options;
    const stream = await this.#runtime.events({ ...options, actions: ACTIONS });
    const concerns = this.#concerns;
    const events = lineEvents(stream.stdout, {
      signal,
      parse: parseDockerEvent,
      onBadLine: () => sink.parseError(),
    });
    try {
      for await (const event of events) {
        if (concerns(event)) sink.event(event);
      }
      if (signal.aborted) return;
      const exit = (await stream.exited) as Partial<ProcessExit> | undefined;
      const why = exit?.stderr?.trim();
      if (!signal.aborted && why !== undefined && why !== "") throw new Error(why);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stream.kill();
    }
  }

  list(signal: AbortSignal): Promise<readonly string[]> {
    return this.#runtime.list(signal);
  }

  async inspect(
    ids: readonly string[],
    options: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<Inspection> {
    if (ids.length === 0) return { details: [], failures: [] };
    const { documents, failures } = await this.#runtime.inspect(ids, options);
    const errors = new Map(failures.map(({ id, error }) => [id, error]));
    const details: ContainerDetails[] = [];
    for (const document of documents) {
      const parsed = parseInspect(document, this.#identify);
      if (parsed !== undefined) details.push(parsed);
      else
        errors.set(
          textOf(objectOf(document)["Id"]),
          new Error("inspect document without name or status"),
        );
    }
    return { details, failures: errors.size === 0 ? [] : await this.#listed(errors, options) };
  }

  /** Returns the failures with their listings; a container that is not listed was destroyed. */
  async #listed(
    errors: ReadonlyMap<string, Error>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly Uninspected[]> {
    const failures: Uninspected[] = [];
    for (const document of await this.#runtime.summaries(signal)) {
      const summary = parseSummary(document, this.#identify);
      const id = summary?.identity.id ?? "";
      const error = errors.get(id);
      if (summary !== undefined && error !== undefined) failures.push({ id, error, summary });
    }
    return failures;
  }
}
