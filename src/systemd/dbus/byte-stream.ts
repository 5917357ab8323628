import { DBusProtocolError } from "./errors.ts";
import { maxUnsentBytes } from "./limits.ts";

/** Both ways of a byte stream: a socket, a process's stdout and stdin, a runtime's exec. */
export interface ByteStream {
  /**
   * What the peer sends. A chunk must not be changed after it was given; one that is text is taken
   * as its UTF-8. Iterated once; its end is the peer's end, and a rejection is the stream's failure.
   */
  readonly readable: AsyncIterable<Uint8Array | string>;
  /** Sends, in the order of the calls. A promise resolves once the bytes are taken. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Ends both ways at once, and with them the iteration. May be called more than once. */
  close(): void;
}

/** Writes to a stream, and counts what it has not taken yet. */
export class Sender {
  readonly #stream: ByteStream;
  readonly #onError: (error: DBusProtocolError) => void;
  #unsentBytes = 0;

  /** @param onError told of a stream that fails or that takes nothing; maybe more than once */
  constructor(stream: ByteStream, onError: (error: DBusProtocolError) => void) {
    this.#stream = stream;
    this.#onError = onError;
  }

  send(bytes: Uint8Array): void {
    const unsentBytes = this.#unsentBytes + bytes.length;
    if (unsentBytes > maxUnsentBytes) {
      const what = `the peer does not read: ${unsentBytes} bytes wait to be sent`;
      this.#onError(new DBusProtocolError("limit", what));
      return;
    }
    try {
      const sending = this.#stream.write(bytes);
      if (sending === undefined) return;
      this.#unsentBytes = unsentBytes;
      const sent = () => {
        this.#unsentBytes -= bytes.length;
      };
      void sending.then(sent, (cause: unknown) => this.#fail(cause));
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #fail(cause: unknown): void {
    const what = `the byte stream can't be written to: ${String(cause)}`;
    this.#onError(new DBusProtocolError("stream", what, { cause }));
  }
}
