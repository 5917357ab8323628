const PART_CHARS = 64 * 1024;

/** Text that grows, turned into bytes bit by bit: done at the end, that would hold up everybody else. */
export class TextParts {
  readonly #parts: Buffer[] = [];
  #text = "";

  add(text: string): void {
    this.#text += text;
    if (this.#text.length > PART_CHARS) this.#cut();
  }

  /** The whole text as bytes. */
  end(): Buffer {
    this.#cut();
    return Buffer.concat(this.#parts);
  }

  #cut(): void {
    this.#parts.push(Buffer.from(this.#text, "utf8"));
    this.#text = "";
  }
}
