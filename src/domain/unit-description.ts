/**
 * Facts about one loaded unit beside its state, queried on request. "", 0n and undefined: systemd
 * has no such value, or no such property. Times are Unix nanoseconds.
 */
export interface UnitDescription {
  readonly description: string;
  /** Program of its first ExecStart=. */
  readonly command: string;
  /** Units that start it: its timer, its socket. */
  readonly triggeredBy: readonly string[];
  /** Units that it starts. */
  readonly triggers: readonly string[];
  /** Next elapse of its timer, or of itself if it is one. */
  readonly nextRunNs: bigint;
  /** Restart=. */
  readonly restartPolicy: string | undefined;
  readonly result: string | undefined;
  readonly exitStatus: number | undefined;
  /** Its main process, or the last one; undefined if it never had one. */
  readonly mainPid: number | undefined;
  /** True if a signal ended the main process: `exitStatus` is the signal. */
  readonly isMainKilled: boolean;
  readonly stateChangeNs: bigint;
  readonly memoryBytes: number | undefined;
  readonly memoryPeakBytes: number | undefined;
  /** MemoryMax=; undefined without a limit. */
  readonly memoryMaxBytes: number | undefined;
}
