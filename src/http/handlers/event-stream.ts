import type { ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import { eventFrame } from "./event-feed.ts";
import type { EventFeed, FeedSubscriber } from "./event-feed.ts";

/** Interval of heartbeats. A client that accepts nothing from one to the next is too slow. */
export const HEARTBEAT_MS = 15_000;
/** Time that a client has to receive the last event after it was cut off. */
export const CUT_GRACE_MS = 10_000;

/** Bytes of one write. What a client doesn't accept stays in the feed. */
const BATCH_BYTES = 32 * 1024;
const HEARTBEAT = Buffer.from(": still here\n\n");

/** Sends a feed's events to one client, as fast as it accepts them. */
export class EventStream<T> implements FeedSubscriber {
  readonly #feed: EventFeed<T>;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #onSlow: () => void;
  readonly #asides = new Map<string, Buffer>();
  readonly #first: Buffer;
  #subscription: Disposable | undefined;
  #timer: Disposable | undefined;
  #next: number;
  /** True from a write that filled the socket's buffer until it has drained. */
  #isBlocked = false;
  #wasBlocked = false;
  #isOver = false;

  /**
   * @param options `from` is the number of the first event, `first` the bytes before it; `onSlow` is
   *   called when the client is cut off for being too slow
   */
  constructor(
    feed: EventFeed<T>,
    response: ServerResponse,
    options: {
      readonly clock: Clock;
      readonly from: number;
      readonly first: Buffer;
      readonly onSlow: () => void;
    },
  ) {
    this.#feed = feed;
    this.#response = response;
    this.#clock = options.clock;
    this.#onSlow = options.onSlow;
    this.#next = options.from;
    this.#first = options.first;
  }

  /** Begins to send. Ends with the response. */
  start(): void {
    this.#timer = this.#clock.setTimeout(() => this.#beat(), HEARTBEAT_MS);
    this.#response.on("drain", () => {
      this.#isBlocked = false;
      this.wake();
    });
    this.#response.on("error", () => {});
    this.#response.once("close", () => this.unsubscribe());
    this.#write(this.#first);
    this.#subscription = this.#feed.subscribe(this);
    this.wake();
  }

  wake(): void {
    if (this.#isOver || this.#isBlocked) return;
    if (this.#next < this.#feed.oldest) {
      this.#cutSlow();
      return;
    }
    const { bytes, next } = this.#feed.batch(this.#next, BATCH_BYTES);
    this.#next = next;
    const canWrite = bytes.length === 0 || this.#write(bytes);
    if (canWrite && bytes.length < BATCH_BYTES) this.#writeAsides();
    // Other work has its turn before the rest.
    if (this.#next < this.#feed.next || this.#asides.size > 0) setImmediate(() => this.wake());
  }

  aside(key: string, frame: Buffer): void {
    this.#asides.set(key, frame);
  }

  close(): void {
    this.#cut("shutdown");
  }

  /** Ends the subscription; the client has disconnected. Harmless when called again. */
  unsubscribe(): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#subscription?.[Symbol.dispose]();
    this.#asides.clear();
  }

  #writeAsides(): void {
    const frames: Buffer[] = [];
    let bytes = 0;
    for (const [key, frame] of this.#asides) {
      if (bytes >= BATCH_BYTES) break;
      this.#asides.delete(key);
      frames.push(frame);
      bytes += frame.length;
    }
    if (bytes > 0) this.#write(Buffer.concat(frames));
  }

  #beat(): void {
    if (this.#isBlocked && this.#wasBlocked) {
      this.#cutSlow();
      return;
    }
    this.#wasBlocked = this.#isBlocked;
    if (!this.#isBlocked) this.#write(HEARTBEAT);
    this.#timer = this.#clock.setTimeout(() => this.#beat(), HEARTBEAT_MS);
  }

  /** Returns false if the next write has to wait for `drain`. */
  #write(bytes: Buffer): boolean {
    const canWrite = this.#response.write(bytes);
    if (canWrite) this.#wasBlocked = false;
    else this.#isBlocked = true;
    return canWrite;
  }

  #cutSlow(): void {
    this.#onSlow();
    this.#cut("slow");
  }

  /** Sends the last event, with the reason, and ends the response. */
  #cut(reason: "slow" | "shutdown"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.setTimeout(() => this.#response.destroy(), CUT_GRACE_MS);
    this.#response.end(eventFrame("cut", JSON.stringify({ reason })));
  }
}
