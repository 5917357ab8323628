import type { Writable } from "node:stream";
import type { StatusConfig } from "../../config/config.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";

export interface StatusCommandOptions {
  readonly config: StatusConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts to end the command. */
  readonly signal: AbortSignal;
  readonly stdout: Writable;
  readonly stderr: Writable;
}
