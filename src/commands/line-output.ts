import type { Writable } from "node:stream";

/** How the output ended: its client closed it, or a write failed. */
export type OutputEnd =
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly error: Error };

/** Writes text to a stream whose client may be slow, and may close it. */
export class LineOutput {
  readonly #stream: Writable;
  readonly #ended = Promise.withResolvers<void>();
  /** How the output ended; undefined while it is writable. */
  end: OutputEnd | undefined = undefined;

  /** @param ended called once, when the output has ended */
  constructor(stream: Writable, ended: () => void = () => {}) {
    this.#stream = stream;
    const over = (end: OutputEnd): void => {
      if (this.end !== undefined) return;
      this.end = end;
      this.#ended.resolve();
      ended();
    };
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // A closed pipe, as by `head`, is a success; a full disk is not.
      over(error.code === "EPIPE" ? { kind: "closed" } : { kind: "failed", error });
    });
    stream.once("close", () => over({ kind: "closed" }));
  }

  /** Resolves when the stream accepts more; to false if the output has ended. */
  async write(text: string): Promise<boolean> {
    if (this.end !== undefined) return false;
    if (!this.#stream.write(text)) await this.#drained();
    return this.end === undefined;
  }

  /** Resolves when everything is written, or the output has ended. */
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
