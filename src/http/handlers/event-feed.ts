/** Where a subscriber continues. */
export interface Resumed {
  /** Number of its next event. */
  readonly next: number;
  /** Why events before `next` may be lost; undefined if none are. */
  readonly gap: "restart" | "too-old" | "unknown" | undefined;
}

/** Consecutive events as frames in one piece. */
export interface EventBatch {
  readonly bytes: Buffer;
  /** Number of the event that follows the batch. */
  readonly next: number;
}

export interface FeedSubscriber {
  /** Events or asides are available. Can be called when there are none. */
  wake(): void;
  /** Gets an event without a number. Of the asides with one key only the newest matters. */
  aside(key: string, frame: Buffer): void;
  /** The feed has ended. */
  close(): void;
}

export interface EventFeedOptions<T> {
  /** Returns an event's data in one line. Called at most once for an event, when it is first sent. */
  readonly serialize: (value: T) => string;
  /** Distinguishes the ids of this process from those of others; letters and digits. */
  readonly instance: string;
  /** Number of events that are kept. Default 10,000. */
  readonly capacity?: number;
}

const DEFAULT_CAPACITY = 10_000;
const ID = /^(\d{1,15})-([0-9a-z]+)$/;

/**
 * Keeps the newest events, numbered from 1, as frames of server-sent events. Its memory is bounded by
 * their number, however many subscribers there are: a subscriber keeps a position, and no events.
 */
export class EventFeed<T> {
  readonly #serialize: (value: T) => string;
  readonly #instance: string;
  readonly #capacity: number;
  /** A ring: event `number` is at `number % capacity`, as its value or its frame. */
  readonly #ring: (T | Buffer)[] = [];
  readonly #subscribers = new Set<FeedSubscriber>();
  #last = 0;
  /** The batch that was made last. */
  #batch: (EventBatch & { readonly from: number }) | undefined;
  #isWaking = false;
  #isClosed = false;

  constructor(options: EventFeedOptions<T>) {
    this.#serialize = options.serialize;
    this.#instance = options.instance;
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
  }

  /** Id of the newest event; number 0 before the first event. */
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

  get subscribers(): number {
    return this.#subscribers.size;
  }

  readonly push = (value: T): void => {
    this.#last += 1;
    this.#ring[this.#last % this.#capacity] = value;
    this.#wake();
  };

  /** Sends the present subscribers an event that has no number and isn't kept. */
  aside(name: string, key: string, data: string): void {
    if (this.#subscribers.size === 0) return;
    const frame = eventFrame(name, data);
    for (const subscriber of this.#subscribers) subscriber.aside(key, frame);
    this.#wake();
  }

  /** Returns where a subscriber continues after the event of this id. */
  resume(lastId: string): Resumed {
    const [, digits, instance] = ID.exec(lastId) ?? [];
    const { oldest } = this;
    if (digits === undefined) return { next: oldest, gap: "unknown" };
    if (instance !== this.#instance) return { next: oldest, gap: "restart" };
    const next = Number(digits) + 1;
    if (next > this.next) return { next: oldest, gap: "unknown" };
    return next < oldest ? { next: oldest, gap: "too-old" } : { next, gap: undefined };
  }

  /** Returns the frame of an event that is kept. */
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
   * Returns the events from `from` on, which is kept or the next one: as many as reach `maxBytes`, or
   * all. Subscribers at one position share the batch.
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

  /** Returns the data of the newest events, newest first. */
  newest(count: number): string[] {
    const data: string[] = [];
    for (let number = this.#last; number >= this.oldest && data.length < count; number -= 1) {
      const text = this.frame(number).toString();
      data.push(text.slice(text.indexOf("\ndata: ") + "\ndata: ".length, -2));
    }
    return data;
  }

  /** Adds a subscriber; disposing the handle removes it. */
  subscribe(subscriber: FeedSubscriber): Disposable {
    this.#subscribers.add(subscriber);
    if (this.#isClosed) subscriber.close();
    return { [Symbol.dispose]: () => void this.#subscribers.delete(subscriber) };
  }

  /** Closes all subscribers, present and later ones. */
  close(): void {
    this.#isClosed = true;
    for (const subscriber of this.#subscribers) subscriber.close();
  }

  /** Wakes the subscribers once for all events of this turn of the event loop. */
  #wake(): void {
    if (this.#isWaking || this.#subscribers.size === 0) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      for (const subscriber of this.#subscribers) subscriber.wake();
    });
  }

  #idOf(number: number): string {
    return `${number}-${this.#instance}`;
  }
}

/** Returns the frame of a named event. It has no id, so the client's last id stays unchanged. */
export function eventFrame(name: string, data: string): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${data}\n\n`);
}
