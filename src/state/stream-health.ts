import type { MonitorChange } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import { EventKind } from "../domain/event.ts";

export interface StreamHealthOptions {
  /** What the stream is, for people: `docker events`, `systemd over busctl`. */
  readonly what: string;
  readonly identity: ContainerIdentity | undefined;
  readonly clock: Clock;
  readonly changed: (change: MonitorChange) => void;
  /** Failed attempts in a row that are normal at first, such as those while a node boots. */
  readonly quietFailures: number;
}

/** Turns the ups and downs of one stream into `monitor.lost`, `.error` and `.recovered`, once each. */
export class StreamHealth {
  readonly #options: StreamHealthOptions;
  #up = false;
  /** What was told since the stream was last good. */
  #told: "nothing" | "lost" | "error" = "nothing";
  #failures = 0;
  #corrected = 0;

  constructor(options: StreamHealthOptions) {
    this.#options = options;
  }

  /** The stream stands. */
  up(): void {
    if (this.#up) return;
    this.#up = true;
    this.#failures = 0;
    if (this.#told !== "nothing") {
      const found = this.#corrected === 0 ? "" : `, ${this.#corrected} missed changes found`;
      const { what, clock } = this.#options;
      const atNs = clock.nowNs();
      this.#tell(EventKind.MonitorRecovered, `${what} stream is back${found}`, { atNs });
    }
    this.#told = "nothing";
    this.#corrected = 0;
  }

  /** So many changes had been missed while the stream was gone, and were found. */
  corrected(count: number): void {
    this.#corrected += count;
  }

  /**
   * The stream ended, or could not be had, at `atNs` (Unix nanoseconds); `error` is the cause where
   * there is one.
   */
  down(error: Error | undefined, atNs: bigint): void {
    const { what, quietFailures } = this.#options;
    if (this.#up) {
      this.#up = false;
      this.#told = "lost";
      this.#tell(EventKind.MonitorLost, `${what} stream ${error ? "failed" : "ended"}`, {
        atNs,
        error,
      });
      return;
    }
    this.#failures += 1;
    if (this.#told !== "nothing" || this.#failures <= quietFailures) return;
    this.#told = "error";
    this.#tell(EventKind.MonitorError, `${what} can't be had`, { atNs, error });
  }

  #tell(
    kind: MonitorChange["kind"],
    what: string,
    end: { readonly atNs: bigint; readonly error?: Error | undefined },
  ): void {
    const { identity, changed } = this.#options;
    const { atNs, error } = end;
    changed({
      kind,
      node: identity?.node ?? "",
      container: identity?.name ?? "",
      unit: "",
      timeNs: atNs,
      detail: error === undefined ? what : `${what}: ${error.message}`,
      identity,
      recovered: false,
      ...(error === undefined ? {} : { error }),
    });
  }
}
