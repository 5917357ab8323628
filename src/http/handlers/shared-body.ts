/** A body that several requests read, and that is given back after the last of them. */
export class SharedBody {
  readonly bytes: Buffer;
  readonly #release: () => void;
  /** Whoever made it is the first. */
  #users = 1;

  constructor(bytes: Buffer, release: () => void) {
    this.bytes = bytes;
    this.#release = release;
  }

  /** Somebody reads it from now on. To be called while it has another user. */
  take(): void {
    this.#users += 1;
  }

  /** Somebody reads it no more. */
  letGo(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#release();
  }
}
