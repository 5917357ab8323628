import type { ContainerDetails, ContainerSummary } from "./container.ts";
import type { EngineEvent } from "./engine-event.ts";

/** Receives an engine's stream of events. Calls are synchronous and never throw. */
export interface EngineSink {
  event(event: EngineEvent): void;
  /** Counts a line that can't be parsed. The stream goes on. */
  parseError(): void;
}

/** A container that can't be inspected, though the engine answers. */
export interface Uninspected {
  readonly id: string;
  readonly error: Error;
  readonly summary: ContainerSummary;
}

/** Answer to an inspection. Containers that are gone are absent. */
export interface Inspection {
  readonly details: readonly ContainerDetails[];
  readonly failures: readonly Uninspected[];
}

/** An engine whose events can be replayed. */
export type ReplayingSource = EngineSource & Required<Pick<EngineSource, "replay">>;

/** The container engine, for the watch: checked events, listings and details. */
export interface EngineSource {
  /**
   * True if it lists containers while they run, and for a time after: one that is missing has ended, and
   * may still exist. Such a source has the action `forget` in place of many a `destroy`.
   */
  readonly listsRunning?: boolean;
  /**
   * Passes events from `sinceNs` on (inclusive, Unix nanoseconds) to the sink, until the stream ends
   * or `signal` aborts. Rejects with the cause if the stream can't be opened or breaks.
   */
  events(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly signal: AbortSignal },
  ): Promise<void>;
  /**
   * Passes the events from `sinceNs` to `untilNs` that the engine still has to the sink, and resolves
   * after the last. Absent if the engine can't replay.
   */
  replay?(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly untilNs: bigint; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Returns the ids of all containers that are watched, running or not. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Returns the details of the containers that still exist. One that can't be inspected within
   * `limitMs` is in `failures`, and doesn't affect the others.
   */
  inspect(
    ids: readonly string[],
    options: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<Inspection>;
}
