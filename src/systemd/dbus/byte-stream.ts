import type { Readable, Writable } from "node:stream";

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

/**
 * A byte stream of Node's streams.
 *
 * @param readable of bytes, without an encoding set
 * @param writable the same object for a Duplex such as a socket
 */
export function nodeByteStream(readable: Readable, writable: Writable): ByteStream {
  // A stream's error is unhandled without a listener. The iteration and the writes report it.
  writable.on("error", () => {});
  readable.on("error", () => {});
  return {
    readable,
    write(bytes) {
      return new Promise((resolve, reject) => {
        writable.write(bytes, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    },
    close() {
      writable.destroy();
      readable.destroy();
    },
  };
}
