import type { Event } from "../domain/event.ts";
import { type ByteInput, lineEvents, type RunOptions } from "../platform/process/line-events.ts";

/** Turns the lines that a command prints into events, and counts those that it can't parse. */
export abstract class Monitor {
  #parseErrors = 0;

  /** Lines so far that were malformed, not UTF-8, or longer than 1 MiB. */
  get parseErrors(): number {
    return this.#parseErrors;
  }

  /**
   * Yields the events in a command's output. Ends when the stream or the signal does: only the
   * signal ends it while the stream is silent.
   *
   * @throws what the stream throws
   */
  run(stream: ByteInput, options: RunOptions = {}): AsyncGenerator<Event, void, undefined> {
    return lineEvents(stream, {
      signal: options.signal,
      parse: (line) => this.parse(line),
      onBadLine: () => {
        this.#parseErrors += 1;
      },
    });
  }

  /** Returns undefined for a line of no interest. */
  protected abstract parse(line: string): Event | "malformed" | undefined;
}
