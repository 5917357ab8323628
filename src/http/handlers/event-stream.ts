import type { ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import { eventFrame } from "./event-feed.ts";
import type { EventFeed, FeedReader } from "./event-feed.ts";

/** From one sign of life to the next. One who took nothing from one to the other is too slow. */
export const HEARTBEAT_MS = 15_000;
/** How long the last event may take to be read, once a reader is cut off. */
export const CUT_GRACE_MS = 10_000;

/** Bytes that are written at a time. What a reader doesn't take stays in the feed. */
const BATCH_BYTES = 32 * 1024;
const HEARTBEAT = Buffer.from(": still here\n\n");

/** Sends a feed's events to one reader, as far as it takes them. */
export class EventStream<T> implements FeedReader {
  readonly #feed: EventFeed<T>;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #onSlow: () => void;
  readonly #asides = new Map<string, Buffer>();
  readonly #first: Buffer;
  #attached: Disposable | undefined;
  #timer: Disposable | undefined;
  #next: number;
  /** True from a write that was too much until all is taken. */
  #isBlocked = false;
  #wasBlocked = false;
  #isOver = false;

  /** @param from where it begins, and the events that stand before all others */
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

  /** Begins; it ends with the response. */
  start(): void {
    this.#timer = this.#clock.setTimeout(() => this.#beat(), HEARTBEAT_MS);
    this.#response.on("drain", () => {
      this.#isBlocked = false;
      this.wake();
    });
    this.#response.on("error", () => {});
    this.#response.once("close", () => this.leave());
    this.#write(this.#first);
    this.#attached = this.#feed.attach(this);
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
    const isTaken = bytes.length === 0 || this.#write(bytes);
    if (isTaken && bytes.length < BATCH_BYTES) this.#writeAsides();
    // Others have their turn before the rest.
    if (this.#next < this.#feed.next || this.#asides.size > 0) setImmediate(() => this.wake());
  }

  aside(key: string, frame: Buffer): void {
    this.#asides.set(key, frame);
  }

  close(): void {
    this.#cut("shutdown");
  }

  /** Nobody reads it any more. Harmless when called again. */
  leave(): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#attached?.[Symbol.dispose]();
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

  /** False where no more is to be written until it is taken. */
  #write(bytes: Buffer): boolean {
    const isTaken = this.#response.write(bytes);
    if (isTaken) this.#wasBlocked = false;
    else this.#isBlocked = true;
    return isTaken;
  }

  #cutSlow(): void {
    this.#onSlow();
    this.#cut("slow");
  }

  /** Tells the reader that this was the last of it. */
  #cut(reason: "slow" | "shutdown"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.setTimeout(() => this.#response.destroy(), CUT_GRACE_MS);
    this.#response.end(eventFrame("cut", JSON.stringify({ reason })));
  }
}
