import type { EngineEvent } from "../../domain/engine-event.ts";
import type { EngineSink, EngineSource, Inspection } from "../../domain/engine-source.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import { isNamed } from "../../domain/container-name.ts";

/** How long the engine may take over one of the names. */
const FIND_LIMIT_MS = 30_000;

export interface NamedContainersOptions {
  /** Names, ids, or beginnings of ids. */
  readonly names: readonly string[];
  readonly runtime: Pick<ContainerRuntime, "inspect">;
  /** True where the source lets only some containers through: then its listing counts too. */
  readonly isFiltered: boolean;
}

/** An engine of which only the containers that are named are seen: no other one is asked about. */
export class NamedContainers implements EngineSource {
  readonly #source: Required<EngineSource>;
  readonly #options: NamedContainersOptions;

  constructor(source: Required<EngineSource>, options: NamedContainersOptions) {
    this.#source = source;
    this.#options = options;
  }

  replay(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly untilNs: bigint; readonly signal: AbortSignal },
  ): Promise<void> {
    return this.#source.replay(this.#only(sink), options);
  }

  events(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly signal: AbortSignal },
  ): Promise<void> {
    return this.#source.events(this.#only(sink), options);
  }

  async list(signal: AbortSignal): Promise<readonly string[]> {
    const { names, isFiltered } = this.#options;
    const documents = await this.#find(names, signal);
    const found = documents.flatMap((document) => {
      const { Id: id, Name: name } = document as { readonly Id?: unknown; readonly Name?: unknown };
      if (typeof id !== "string" || typeof name !== "string") return [];
      // An engine takes any beginning of an id, which a name can be too.
      const container = { id, name: name.replace(/^\//, "") };
      return names.some((each) => isNamed(container, each)) ? [id] : [];
    });
    if (!isFiltered) return [...new Set(found)];
    const listed = new Set(await this.#source.list(signal));
    return [...new Set(found)].filter((id) => listed.has(id));
  }

  inspect(
    ids: readonly string[],
    options: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<Inspection> {
    return this.#source.inspect(ids, options);
  }

  /** Where a name is the beginning of several ids, the engine refuses it: there is none of that name. */
  async #find(names: readonly string[], signal: AbortSignal): Promise<readonly unknown[]> {
    const options = { limitMs: FIND_LIMIT_MS, signal };
    const { documents, failures } = await this.#options.runtime.inspect(names, options);
    const fault = failures.find(({ error }) => !/multiple ids|more than one/i.test(error.message));
    if (fault !== undefined) throw fault.error;
    return documents;
  }

  #only(sink: EngineSink): EngineSink {
    const concerns = ({ id, attributes }: EngineEvent): boolean => {
      const known = [attributes.get("name"), attributes.get("oldName")?.replace(/^\//, "")];
      return this.#options.names.some((wanted) =>
        known.some((name) => isNamed({ id, name: name ?? "" }, wanted)),
      );
    };
    return {
      event: (event) => {
        if (concerns(event)) sink.event(event);
      },
      parseError: () => sink.parseError(),
    };
  }
}
