import type { MonitorChange } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import { eventContainer } from "../domain/container-name.ts";
import { EventKind } from "../domain/event.ts";

export interface StreamHealthOptions {
  /** Name of the stream, for people: `docker events`, `systemd`. */
  readonly name: string;
  readonly identity: ContainerIdentity | undefined;
  readonly clock: Clock;
  readonly changed: (change: MonitorChange) => void;
  /** Failed attempts in a row that are normal at first, such as those while a node boots. */
  readonly quietFailures: number;
}

/** Turns the ups and downs of one stream into `monitor.lost`, `.error` and `.recovered`, once each. */
export class StreamHealth {
  readonly #options: StreamHealthOptions;
  #isUp = false;
  /** Kind of the change that was emitted since the stream was last up. */
  #emitted: typeof EventKind.MonitorLost | typeof EventKind.MonitorError | undefined = undefined;
  #failures = 0;
  #corrected = 0;

  constructor(options: StreamHealthOptions) {
    this.#options = options;
  }

  /** The stream is open. */
  up(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#failures = 0;
    if (this.#emitted !== undefined) {
      const found = this.#corrected === 0 ? "" : `, ${this.#corrected} missed changes found`;
      const { name, clock } = this.#options;
      const atNs = clock.nowNs();
      this.#emit(EventKind.MonitorRecovered, `${name} stream restored${found}`, { atNs });
    }
    this.#emitted = undefined;
    this.#corrected = 0;
  }

  /** Adds changes that were missed while the stream was down, and found since. */
  corrected(count: number): void {
    this.#corrected += count;
  }

  /**
   * The stream ended, or an attempt to open it failed, at `atNs` (Unix nanoseconds).
   *
   * @param error the cause, if it isn't a plain end
   */
  down(error: Error | undefined, atNs: bigint): void {
    const { name, quietFailures } = this.#options;
    if (this.#isUp) {
      this.#isUp = false;
      this.#emitted = EventKind.MonitorLost;
      this.#emit(this.#emitted, `${name} stream ${error ? "failed" : "ended"}`, { atNs, error });
      return;
    }
    this.#failures += 1;
    if (this.#emitted !== undefined || this.#failures <= quietFailures) return;
    this.#emitted = EventKind.MonitorError;
    this.#emit(this.#emitted, `${name} unavailable`, { atNs, error });
  }

  #emit(
    kind: MonitorChange["kind"],
    phrase: string,
    end: { readonly atNs: bigint; readonly error?: Error | undefined },
  ): void {
    const { identity, changed } = this.#options;
    const { atNs, error } = end;
    changed({
      kind,
      node: identity?.node ?? "",
      container: identity === undefined ? "" : eventContainer(identity),
      unit: "",
      timeNs: atNs,
      detail: error === undefined ? phrase : `${phrase}: ${error.message}`,
      identity,
      recovered: false,
      ...(error === undefined ? {} : { error }),
    });
  }
}
