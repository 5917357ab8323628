import { DBusProtocolError } from "./errors.ts";
import { maxUnsentBytes } from "./limits.ts";

/** Both directions of a byte stream: a socket, a process's stdout and stdin, a runtime's exec. */
export interface ByteStream {
  /**
   * Bytes from the peer. A chunk must not change after it was emitted; a string is encoded as UTF-8.
   * Iterated once; its end is the peer's end, and a rejection is the stream's failure.
   */
  readonly readable: AsyncIterable<Uint8Array | string>;
  /** Sends in the order of the calls. A promise resolves once the bytes are written. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Ends both directions and the iteration. May be called more than once. */
  close(): void;
}

/** Writes to a stream, and bounds the bytes that wait for it. */
export class Sender {
  readonly #stream: ByteStream;
  readonly #onError: (error: DBusProtocolError) => void;
  #unsentBytes = 0;

  /** @param onError called when the stream fails or stalls, maybe more than once */
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
