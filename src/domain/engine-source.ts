import type { ContainerDetails, ContainerSummary } from "./container.ts";
import type { EngineEvent } from "./engine-event.ts";

/** What an engine's stream of events tells. Calls are synchronous and never throw. */
export interface EngineSink {
  event(event: EngineEvent): void;
  /** A piece of input couldn't be read: it is counted, and the stream goes on. */
  parseError(): void;
}

/** A container whose details can't be had, though the engine could be asked. */
export interface Uninspected {
  readonly id: string;
  readonly error: Error;
  readonly summary: ContainerSummary;
}

/** What a question about containers gave. Those that are gone are left out. */
export interface Inspection {
  readonly details: readonly ContainerDetails[];
  readonly failures: readonly Uninspected[];
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
  /**
   * Details of those of the containers that still exist. One that can't be inspected, or not within
   * `limitMs`, fails by itself: the others are told all the same.
   */
  inspect(
    ids: readonly string[],
    options: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<Inspection>;
}
