import type { Event } from "../domain/event.ts";

export interface SubscriptionOptions<T> {
  /** How many values wait for the reader at most. Default 1,024. */
  readonly capacity?: number;
  /** Called once when the reader leaves: by `break`, `return()` or disposal. Not after `end()`. */
  readonly onLeave?: (subscription: Subscription<T>) => void;
}

const DEFAULT_CAPACITY = 1024;
const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/**
 * One reader's queue. Its owner pushes and never waits: when the reader is slower, the oldest value
 * is lost and counted.
 *
 * It is read once, as a whole: all iterators are the same one, and leaving a `for await` loop ends
 * the subscription.
 */
export class Subscription<T = Event> implements AsyncIterableIterator<T, undefined>, Disposable {
  readonly #capacity: number;
  readonly #onLeave: ((subscription: Subscription<T>) => void) | undefined;
  /** A ring: `#count` values from `#first` on. */
  readonly #ring: (T | undefined)[];
  #first = 0;
  #count = 0;
  #dropped = 0;
  #isOpen = true;
  /** Readers that came before their value. While there is one, the ring is empty. */
  readonly #waiting: ((result: IteratorResult<T, undefined>) => void)[] = [];

  constructor(options: SubscriptionOptions<T> = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    if (!Number.isInteger(this.#capacity) || this.#capacity < 1) {
      throw new RangeError(`capacity is ${this.#capacity}, expected a whole number from 1 on`);
    }
    this.#onLeave = options.onLeave;
    this.#ring = Array.from({ length: this.#capacity });
  }

  /** Values that were lost because the reader was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** For the owner: gives the reader a value. Does nothing once it has ended. */
  push(value: T): void {
    if (!this.#isOpen) return;
    const reader = this.#waiting.shift();
    if (reader !== undefined) {
      reader({ done: false, value });
      return;
    }
    if (this.#count === this.#capacity) {
      this.#take();
      this.#dropped += 1;
    }
    this.#ring[(this.#first + this.#count) % this.#capacity] = value;
    this.#count += 1;
  }

  /** For the owner: nothing more will come. The reader gets what is there, and then the end. */
  end(): void {
    this.#isOpen = false;
    for (const reader of this.#waiting.splice(0)) reader(DONE);
  }

  /** The next value, when there is one. Several calls are answered in their order. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#count > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (!this.#isOpen) return Promise.resolve(DONE);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The reader leaves: the subscription ends at once, and what it held is gone. */
  return(): Promise<IteratorResult<T, undefined>> {
    this[Symbol.dispose]();
    return Promise.resolve(DONE);
  }

  [Symbol.dispose](): void {
    const wasOpen = this.#isOpen;
    this.end();
    this.#count = 0;
    this.#ring.fill(undefined);
    if (wasOpen) this.#onLeave?.(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): T {
    const value = this.#ring[this.#first] as T;
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#capacity;
    this.#count -= 1;
    return value;
  }
}
