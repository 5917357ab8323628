import type { Writable } from "node:stream";

/** How the way out has ended. */
export type OutputEnd =
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly error: Error };

/** Text on its way to a reader that may be slow, and may go. */
export class LineOutput {
  readonly #stream: Writable;
  readonly #ended = Promise.withResolvers<void>();
  /** Set when nothing can be written any more. */
  end: OutputEnd | undefined = undefined;

  /** @param ended called once, when nothing can be written any more */
  constructor(stream: Writable, ended: () => void = () => {}) {
    this.#stream = stream;
    const over = (end: OutputEnd): void => {
      if (this.end !== undefined) return;
      this.end = end;
      this.#ended.resolve();
      ended();
    };
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // A reader that has gone, such as `head`, has what it wanted; a full disk doesn't.
      over(error.code === "EPIPE" ? { kind: "gone" } : { kind: "failed", error });
    });
    stream.once("close", () => over({ kind: "gone" }));
  }

  /** Resolves when there is room for more; false where nothing can be written any more. */
  async write(text: string): Promise<boolean> {
    if (this.end !== undefined) return false;
    if (!this.#stream.write(text)) await this.#drained();
    return this.end === undefined;
  }

  /** Resolves when all is written that was given, or can't be any more. */
  async flush(): Promise<void> {
    if (this.end === undefined && this.#stream.writableLength > 0) await this.#drained();
  }

  async #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stream.once("drain", resolve);
    try {
      await Promise.race([promise, this.#ended.promise]);
    } finally {
      this.#stream.removeListener("drain", resolve);
    }
  }
}
