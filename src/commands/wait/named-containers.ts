import type { EngineEvent } from "../../domain/engine-event.ts";
import type {
  EngineSink,
  EngineSource,
  Inspection,
  ReplayingSource,
} from "../../domain/engine-source.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import { isNamed } from "../../domain/container-name.ts";

/** Limit of the inspection of one name. */
const INSPECT_LIMIT_MS = 30_000;

export interface NamedContainersOptions {
  /** Names, ids, or prefixes of ids. */
  readonly names: readonly string[];
  readonly runtime: Pick<ContainerRuntime, "inspect">;
  /** True if the source filters containers: then a container has to be in its listing too. */
  readonly isFiltered: boolean;
}

/** Restricts a source to the named containers, so that no other one is inspected. */
export class NamedContainers implements EngineSource {
  readonly #source: ReplayingSource;
  readonly #options: NamedContainersOptions;

  constructor(source: ReplayingSource, options: NamedContainersOptions) {
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
      // Engines accept any prefix of an id, which a name can equal.
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
    const options = { limitMs: INSPECT_LIMIT_MS, signal };
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
