/**
 * The web configuration file (https://github.com/prometheus/exporter-toolkit): TLS, users, headers and
 * the rate limit, read at the start and again when a file changes. It imports domain and platform. An
 * error names the key and the reason, and contains no secret.
 */
import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { readWebConfig } from "./read-web-config.ts";
import { TrackedFiles } from "./tracked-files.ts";
import { WebConfigError } from "./web-config.ts";
import type { WebConfig } from "./web-config.ts";

/** Minimum interval of checks of the files. A request or a connection triggers a check. */
export const CHECK_INTERVAL_MS = 1000;
/** Maximum time that a hanging file system delays a request. */
export const CHECK_LIMIT_MS = 2000;

/**
 * Keeps the web configuration, and reads it again when one of its files has changed. An invalid one,
 * or one that would remove a protection, leaves the last one in force.
 */
export class WebSettings {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #current: WebConfig;
  #files: TrackedFiles;
  #checkedMs: number;
  #check: Promise<void> | undefined;
  #problem: string | undefined;

  private constructor(
    path: string,
    read: { readonly config: WebConfig; readonly files: TrackedFiles },
    context: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#path = path;
    this.#current = read.config;
    this.#files = read.files;
    this.#clock = context.clock;
    this.#log = context.log;
    this.#checkedMs = context.clock.monotonicMs();
  }

  /** @throws WebConfigError */
  static async open(
    path: string,
    context: { readonly clock: Clock; readonly log: Logger },
  ): Promise<WebSettings> {
    const files = new TrackedFiles();
    return new WebSettings(path, { config: await readWebConfig(path, files), files }, context);
  }

  /** The configuration as of the last check. */
  get current(): WebConfig {
    return this.#current;
  }

  /** Checks whether the files have changed. Returns undefined if the last check was a moment ago. */
  check(): Promise<void> | undefined {
    if (this.#check !== undefined) return this.#check;
    if (this.#clock.monotonicMs() - this.#checkedMs < CHECK_INTERVAL_MS) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = this.#clock.setTimeout(resolve, CHECK_LIMIT_MS);
    this.#check = promise;
    void this.#reload().finally(() => {
      limit[Symbol.dispose]();
      this.#checkedMs = this.#clock.monotonicMs();
      this.#check = undefined;
      resolve();
    });
    return promise;
  }

  async #reload(): Promise<void> {
    try {
      if (!(await this.#files.changed())) return;
      const files = new TrackedFiles();
      // The next check looks at these files, even if the configuration is invalid.
      this.#files = files;
      const next = await readWebConfig(this.#path, files);
      rejectLessSecure(this.#current, next, this.#path);
      this.#current = next;
      const was = this.#problem;
      this.#problem = undefined;
      this.#log.info(
        was === undefined ? "web configuration changed" : "web configuration restored",
      );
    } catch (error) {
      const { message } = asError(error);
      // The same problem after another change is logged once.
      if (message !== this.#problem) {
        this.#log.error("web configuration invalid, the last one stays in force", {
          err: asError(error),
        });
      }
      this.#problem = message;
    }
  }
}

/** Rejects what a truncated or half-written file would do by mistake: it requires a restart. */
function rejectLessSecure(now: WebConfig, next: WebConfig, path: string): void {
  const restart = (what: string): never => {
    throw new WebConfigError(`${path}: ${what} requires a restart`);
  };
  if ((now.tls === undefined) !== (next.tls === undefined)) {
    restart(next.tls === undefined ? "turning TLS off" : "turning TLS on");
  }
  if (now.users.size > 0 && next.users.size === 0) restart("removing all users");
  if (now.http2 !== next.http2) restart("turning HTTP/2 on or off");
}
