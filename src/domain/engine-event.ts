/** One event of the engine about one container, checked and bounded. */
export interface EngineEvent {
  /**
   * The engine's word: `create`, `start`, `stop`, `die`, `oom`, `pause`, `unpause`, `destroy`,
   * `restart`, `rename`, `health_status: healthy`, … Unknown words are passed on, and ignored later. Two
   * words are no engine's: `forget`, of a container that has ended and isn't seen any more, and `update`,
   * after which an inspection shows more.
   */
  readonly action: string;
  /** Full container id; "" if the engine gives none. */
  readonly id: string;
  /** The attributes: `name`, `image`, `exitCode`, `oldName`, and every label of the container. */
  readonly attributes: ReadonlyMap<string, string>;
  /** When it happened: Unix nanoseconds by the engine's clock, exact. */
  readonly timeNs: bigint;
}
