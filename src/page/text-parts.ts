const PART_CHARS = 64 * 1024;

/** Text that grows, turned into bytes bit by bit: done at the end, that would hold up everybody else. */
export class TextParts {
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #text = "";

  add(text: string): void {
    this.#text += text;
    if (this.#text.length > PART_CHARS) this.#cut();
  }

  /** The whole text as bytes. Yields between parts: memory is paid for where it is first touched. */
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
