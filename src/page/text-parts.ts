const PART_CHARS = 64 * 1024;

/** Collects text, and encodes it in parts: one encoding at the end would block the event loop. */
export class TextParts {
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #text = "";

  add(text: string): void {
    this.#text += text;
    if (this.#text.length > PART_CHARS) this.#cut();
  }

  /** Returns the whole text as bytes. Yields between parts, since the first write to new memory is slow. */
  *end(): Generator<void, Buffer, void> {
    this.#cut();
    const whole = Buffer.allocUnsafe(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      at += part.copy(whole, at);
      yield;
    }
    return whole;
  }

  #cut(): void {
    const part = Buffer.from(this.#text, "utf8");
    this.#parts.push(part);
    this.#bytes += part.length;
    this.#text = "";
  }
}
