import type { ContainerDetails } from "./container.ts";
import type { EngineEvent } from "./engine-event.ts";

/** What an engine's stream of events tells. Calls are synchronous and never throw. */
export interface EngineSink {
  event(event: EngineEvent): void;
  /** A piece of input couldn't be read: it is counted, and the stream goes on. */
  parseError(): void;
}

/** The container engine as the watch sees it: checked events, listings and details. */
export interface EngineSource {
  /**
   * Tells events from `sinceNs` on (inclusive, Unix nanoseconds) until the stream ends or `signal`
   * aborts. Rejects with the cause where it can't be had or breaks.
   */
  events(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly signal: AbortSignal },
  ): Promise<void>;
  /**
   * Tells those events from `sinceNs` to `untilNs` that the engine still has, and resolves when all
   * are told. Left out where the engine can't.
   */
  replay?(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly untilNs: bigint; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Ids of all containers that are watched, running or not. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /** Details of those of the containers that still exist. */
  inspect(ids: readonly string[], signal: AbortSignal): Promise<readonly ContainerDetails[]>;
}
