import type { Event } from "../domain/event.ts";

export interface SubscriptionOptions<T> {
  /** Most values that wait for the subscriber. Default 1,024. */
  readonly capacity?: number;
  /** Called once when the subscriber cancels: by `break`, `return()` or disposal. Not after `end()`. */
  readonly onCancel?: (subscription: Subscription<T>) => void;
}

const DEFAULT_CAPACITY = 1024;
const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/**
 * Bounded queue of one subscriber. Its owner pushes and never waits: a subscriber that is slower
 * loses its oldest value, which is counted.
 *
 * All iterators are the same one, and the end of a `for await` loop cancels the subscription.
 */
export class Subscription<T = Event> implements AsyncIterableIterator<T, undefined>, Disposable {
  readonly #capacity: number;
  readonly #onCancel: ((subscription: Subscription<T>) => void) | undefined;
  /** A ring: `#count` values from `#first` on. */
  readonly #ring: (T | undefined)[];
  #first = 0;
  #count = 0;
  #dropped = 0;
  #isOpen = true;
  /** Calls of `next` that came before their value. While there is one, the ring is empty. */
  readonly #waiting: ((result: IteratorResult<T, undefined>) => void)[] = [];

  constructor(options: SubscriptionOptions<T> = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    if (!Number.isInteger(this.#capacity) || this.#capacity < 1) {
      throw new RangeError(`capacity is ${this.#capacity}, expected a whole number from 1 on`);
    }
    this.#onCancel = options.onCancel;
    this.#ring = Array.from({ length: this.#capacity });
  }

  /** Values that were dropped because the subscriber was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Queues a value, for the owner. Does nothing after the end. */
  push(value: T): void {
    if (!this.#isOpen) return;
    const resolve = this.#waiting.shift();
    if (resolve !== undefined) {
      resolve({ done: false, value });
      return;
    }
    if (this.#count === this.#capacity) {
      this.#take();
      this.#dropped += 1;
    }
    this.#ring[(this.#first + this.#count) % this.#capacity] = value;
    this.#count += 1;
  }

  /** Ends it, for the owner. The subscriber gets the queued values, and then the end. */
  end(): void {
    this.#isOpen = false;
    for (const resolve of this.#waiting.splice(0)) resolve(DONE);
  }

  /** Resolves with the next value. Concurrent calls resolve in their order. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#count > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (!this.#isOpen) return Promise.resolve(DONE);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Cancels the subscription: it ends at once, and its queued values are dropped. */
  return(): Promise<IteratorResult<T, undefined>> {
    this[Symbol.dispose]();
    return Promise.resolve(DONE);
  }

  [Symbol.dispose](): void {
    const wasOpen = this.#isOpen;
    this.end();
    this.#count = 0;
    this.#ring.fill(undefined);
    if (wasOpen) this.#onCancel?.(this);
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
