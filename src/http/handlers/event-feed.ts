/** Where a reader goes on: the number of its next event, and what it has to be told first. */
export interface Resumed {
  readonly next: number;
  /** Why events between its last one and `next` may be lost; undefined where none is. */
  readonly gap: "restart" | "too-old" | "unknown" | undefined;
}

/** Events in one piece. */
export interface EventBatch {
  readonly bytes: Buffer;
  /** Number of the event that comes after it. */
  readonly next: number;
}

/** Somebody who is told when there is something to read. */
export interface FeedReader {
  /** There are events or asides; to be called often is harmless. */
  wake(): void;
  /** Something without a number: of those with one key the newest is enough. */
  aside(key: string, frame: Buffer): void;
  /** The feed ends. */
  close(): void;
}

export interface EventFeedOptions<T> {
  /** The data of an event, in one line. Called once for an event, and only where somebody reads it. */
  readonly serialize: (value: T) => string;
  /** Tells this process's ids from those of others; letters and digits. */
  readonly instance: string;
  /** Events that are kept. Default 10,000. */
  readonly capacity?: number;
}

const DEFAULT_CAPACITY = 10_000;
const ID = /^(\d{1,15})-([0-9a-z]+)$/;

/**
 * The newest events, numbered from 1 on, as frames of server-sent events. What is kept is bounded by
 * their number, whoever reads; readers keep no events, but a place in here.
 */
export class EventFeed<T> {
  readonly #serialize: (value: T) => string;
  readonly #instance: string;
  readonly #capacity: number;
  /** A ring: the event `number` is at `number % capacity`, as it came or as a frame. */
  readonly #ring: (T | Buffer)[] = [];
  readonly #readers = new Set<FeedReader>();
  #last = 0;
  /** What was read last, and from where on. */
  #batch: (EventBatch & { readonly from: number }) | undefined;
  #isWaking = false;
  #isClosed = false;

  constructor(options: EventFeedOptions<T>) {
    this.#serialize = options.serialize;
    this.#instance = options.instance;
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
  }

  /** Id of the newest event; of number 0 where there was none yet. */
  get lastId(): string {
    return this.#idOf(this.#last);
  }

  /** Number of the next event. */
  get next(): number {
    return this.#last + 1;
  }

  /** Number of the oldest event that is kept. */
  get oldest(): number {
    return Math.max(1, this.#last - this.#capacity + 1);
  }

  get readers(): number {
    return this.#readers.size;
  }

  readonly push = (value: T): void => {
    this.#last += 1;
    this.#ring[this.#last % this.#capacity] = value;
    this.#wake();
  };

  /** Tells the readers of now something that has no number, and isn't kept. */
  aside(name: string, key: string, data: string): void {
    if (this.#readers.size === 0) return;
    const frame = eventFrame(name, data);
    for (const reader of this.#readers) reader.aside(key, frame);
    this.#wake();
  }

  /** Where a reader goes on whose last event was this one. */
  resume(lastId: string): Resumed {
    const [, digits, instance] = ID.exec(lastId) ?? [];
    const { oldest } = this;
    if (digits === undefined) return { next: oldest, gap: "unknown" };
    if (instance !== this.#instance) return { next: oldest, gap: "restart" };
    const next = Number(digits) + 1;
    if (next > this.next) return { next: oldest, gap: "unknown" };
    return next < oldest ? { next: oldest, gap: "too-old" } : { next, gap: undefined };
  }

  /** The event of a number that is kept, as a frame. */
  frame(number: number): Buffer {
    const index = number % this.#capacity;
    const known = this.#ring[index];
    if (Buffer.isBuffer(known)) return known;
    const data = this.#serialize(known as T);
    const frame = Buffer.from(`id: ${this.#idOf(number)}\ndata: ${data}\n\n`);
    this.#ring[index] = frame;
    return frame;
  }

  /**
   * Events from a number on, that is kept or the next, as frames in one piece: as many as make up
   * `maxBytes`, or all. Readers who are at the same place share the piece.
   */
  batch(from: number, maxBytes: number): EventBatch {
    const known = this.#batch;
    const isWhole = known?.next === this.next || (known?.bytes.length ?? 0) >= maxBytes;
    if (known?.from === from && isWhole) return known;
    const frames: Buffer[] = [];
    let bytes = 0;
    let next = from;
    for (; next < this.next && bytes < maxBytes; next += 1) {
      const frame = this.frame(next);
      frames.push(frame);
      bytes += frame.length;
    }
    this.#batch = { from, next, bytes: Buffer.concat(frames) };
    return this.#batch;
  }

  /** The data of the newest events, the newest first. */
  newest(count: number): string[] {
    const data: string[] = [];
    for (let number = this.#last; number >= this.oldest && data.length < count; number -= 1) {
      const text = this.frame(number).toString();
      data.push(text.slice(text.indexOf("\ndata: ") + "\ndata: ".length, -2));
    }
    return data;
  }

  /** Disposing the handle ends it. */
  attach(reader: FeedReader): Disposable {
    this.#readers.add(reader);
    if (this.#isClosed) reader.close();
    return { [Symbol.dispose]: () => void this.#readers.delete(reader) };
  }

  /** Ends all readers, and those that still come. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#readers) reader.close();
  }

  /** Many events can come at once: readers are told when all of them are there. */
  #wake(): void {
    if (this.#isWaking || this.#readers.size === 0) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      for (const reader of this.#readers) reader.wake();
    });
  }

  #idOf(number: number): string {
    return `${number}-${this.#instance}`;
  }
}

/** A named event without an id: the reader's last id stays what it is. */
export function eventFrame(name: string, data: string): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${data}\n\n`);
}
