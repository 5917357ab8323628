import type { Readable, Writable } from "node:stream";
import type { ByteStream } from "../../../src/systemd/dbus/byte-stream.ts";

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
