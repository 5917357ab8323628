import type { Change } from "../domain/change.ts";

/** Gets each change, at once. It must not throw, and must not take long: what it keeps, it bounds. */
export type ChangeListener = (change: Change) => void;

/** Hands each change on to everyone who wants it, in order, synchronously. */
export class Hub {
  readonly #listeners = new Set<ChangeListener>();

  /** Disposing the handle ends it. */
  listen(listener: ChangeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  readonly publish = (change: Change): void => {
    for (const listener of this.#listeners) listener(change);
  };
}
