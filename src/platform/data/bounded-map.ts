/** Keeps at most `maxEntries` entries, and evicts the oldest for a new one. Use it as a cache. */
export class BoundedMap<Key, Value> {
  readonly #maxEntries: number;
  /** Oldest first. */
  readonly #entries = new Map<Key, Value>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** Returns the value of `key`, which keeps its age. */
  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  /** Returns the value of `key`, and makes it the newest entry. */
  use(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  /** Makes `key` the newest entry. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** Returns the keys, oldest first. */
  keys(): IterableIterator<Key> {
    return this.#entries.keys();
  }
}
