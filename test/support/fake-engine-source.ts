import type { ContainerDetails } from "../../src/domain/container.ts";
import type { EngineEvent } from "../../src/domain/engine-event.ts";
import type { EngineSink, EngineSource, Inspection } from "../../src/domain/engine-source.ts";

interface Stream {
  readonly sink: EngineSink;
  readonly end: PromiseWithResolvers<void>;
}

/** Engine that a test controls. */
export class FakeEngineSource implements EngineSource {
  /** Requests: `events since 7`, `list`, `inspect a b`, `replay 7 to 9`. */
  readonly calls: string[] = [];
  /** Containers that listings and inspections return. */
  readonly containers = new Map<string, ContainerDetails>();
  /** Events that a replay returns. */
  kept: EngineEvent[] = [];
  /** Names of containers whose inspection fails. */
  readonly broken = new Set<string>();
  /** While set, every request fails with it. */
  fault: Error | undefined;
  /** Requests await these after they have read their reply. */
  listing: Promise<void> = Promise.resolve();
  inspecting: Promise<void> = Promise.resolve();
  #stream: Stream | undefined;

  /** True while events are followed. */
  get isOpen(): boolean {
    return this.#stream !== undefined;
  }

  /** Adds or replaces a container. */
  put(...all: readonly ContainerDetails[]): void {
    for (const details of all) this.containers.set(details.identity.id, details);
  }

  /** Sends events to the open stream, and keeps them for replays. */
  emit(...events: readonly EngineEvent[]): void {
    this.kept.push(...events);
    for (const event of events) this.#stream?.sink.event(event);
  }

  emitNonsense(): void {
    this.#stream?.sink.parseError();
  }

  /** Ends the stream of events, with or without an error. */
  end(error?: Error): void {
    if (error === undefined) this.#stream?.end.resolve();
    else this.#stream?.end.reject(error);
    this.#stream = undefined;
  }

  async events(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly signal: AbortSignal },
  ): Promise<void> {
    this.calls.push(`events since ${options.sinceNs}`);
    if (this.fault !== undefined) throw this.fault;
    const stream: Stream = { sink, end: Promise.withResolvers<void>() };
    this.#stream = stream;
    options.signal.addEventListener("abort", () => {
      if (this.#stream === stream) this.#stream = undefined;
      stream.end.resolve();
    });
    await stream.end.promise;
  }

  replay(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly untilNs: bigint },
  ): Promise<void> {
    const { sinceNs, untilNs } = options;
    this.calls.push(`replay ${sinceNs} to ${untilNs}`);
    if (this.fault !== undefined) return Promise.reject(this.fault);
    for (const event of this.kept) {
      if (event.timeNs >= sinceNs && event.timeNs <= untilNs) sink.event(event);
    }
    return Promise.resolve();
  }

  async list(): Promise<readonly string[]> {
    this.calls.push("list");
    if (this.fault !== undefined) throw this.fault;
    const ids = [...this.containers.keys()];
    await this.listing;
    return ids;
  }

  async inspect(ids: readonly string[]): Promise<Inspection> {
    const names = ids.map((id) => this.containers.get(id)?.identity.name ?? id);
    this.calls.push(`inspect ${names.sort().join(" ")}`.trim());
    if (this.fault !== undefined) throw this.fault;
    const found = ids
      .map((id) => this.containers.get(id))
      .filter((details) => details !== undefined);
    const isBroken = ({ identity }: ContainerDetails): boolean => this.broken.has(identity.name);
    const answer = {
      details: found.filter((details) => !isBroken(details)),
      failures: found.filter(isBroken).map(({ identity, status }) => ({
        id: identity.id,
        error: new Error("boom"),
        summary: { identity, status },
      })),
    };
    await this.inspecting;
    return answer;
  }
}
