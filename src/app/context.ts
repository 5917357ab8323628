import type { Config, WatchConfig } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { WebSettings } from "../http/web-config/web-settings.ts";

/** What every part that watches is built from. */
export interface WatchContext {
  readonly config: WatchConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the program is started with, and each of its parts is built from. */
export interface AppContext extends WatchContext {
  readonly config: Config;
  /** TLS, users and headers for HTTP; undefined: plain HTTP for everybody. */
  readonly web: WebSettings | undefined;
  /** Aborts to end the program. */
  readonly signal: AbortSignal;
  /** When it began, by the clock's monotonic time. */
  readonly sinceMs: number;
}
