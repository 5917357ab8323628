import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { readWebConfig } from "./read-web-config.ts";
import { TrackedFiles } from "./tracked-files.ts";
import { WebConfigError } from "./web-config.ts";
import type { WebConfig } from "./web-config.ts";

/** The files are looked at no more often than this, and only when somebody asks for something. */
export const LOOK_EVERY_MS = 1000;
/** A file system that hangs holds nobody up for longer. */
export const LOOK_LIMIT_MS = 2000;

/**
 * The web configuration while the program runs: read again when one of its files has changed. One
 * that can't be used, or that would open what is closed, leaves the last one in force.
 */
export class WebSettings {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #current: WebConfig;
  #files: TrackedFiles;
  #lookedMs: number;
  #look: Promise<void> | undefined;
  #problem: string | undefined;

  private constructor(
    path: string,
    read: { readonly config: WebConfig; readonly files: TrackedFiles },
    told: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#path = path;
    this.#current = read.config;
    this.#files = read.files;
    this.#clock = told.clock;
    this.#log = told.log;
    this.#lookedMs = told.clock.monotonicMs();
  }

  /** @throws WebConfigError */
  static async open(
    path: string,
    told: { readonly clock: Clock; readonly log: Logger },
  ): Promise<WebSettings> {
    const files = new TrackedFiles();
    return new WebSettings(path, { config: await readWebConfig(path, files), files }, told);
  }

  /** As of the last look. */
  get current(): WebConfig {
    return this.#current;
  }

  /** Looks whether the files have changed, unless that was done a moment ago; undefined then. */
  look(): Promise<void> | undefined {
    if (this.#look !== undefined) return this.#look;
    if (this.#clock.monotonicMs() - this.#lookedMs < LOOK_EVERY_MS) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = this.#clock.setTimeout(resolve, LOOK_LIMIT_MS);
    this.#look = promise;
    void this.#reload().finally(() => {
      limit[Symbol.dispose]();
      this.#lookedMs = this.#clock.monotonicMs();
      this.#look = undefined;
      resolve();
    });
    return promise;
  }

  async #reload(): Promise<void> {
    try {
      if (!(await this.#files.changed())) return;
      const files = new TrackedFiles();
      // These are the ones to look at next, whether they make a configuration or not.
      this.#files = files;
      const next = await readWebConfig(this.#path, files);
      refuseToOpen(this.#current, next, this.#path);
      this.#current = next;
      const was = this.#problem;
      this.#problem = undefined;
      this.#log.info(was === undefined ? "web configuration changed" : "web configuration is back");
    } catch (error) {
      const { message } = asError(error);
      // The same problem again, after another change, is no news.
      if (message !== this.#problem) {
        this.#log.error("web configuration can't be used, the last one stays", {
          err: asError(error),
        });
      }
      this.#problem = message;
    }
  }
}

/** What a file that is cut short, or half written, would do by mistake takes a restart. */
function refuseToOpen(now: WebConfig, next: WebConfig, path: string): void {
  const restart = (what: string): never => {
    throw new WebConfigError(`${path}: ${what} takes a restart`);
  };
  if ((now.tls === undefined) !== (next.tls === undefined)) {
    restart(next.tls === undefined ? "turning TLS off" : "turning TLS on");
  }
  if (now.users.size > 0 && next.users.size === 0) restart("letting everybody in");
  if (now.http2 !== next.http2) restart("turning HTTP/2 on or off");
}
