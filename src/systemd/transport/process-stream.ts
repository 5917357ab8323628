import type { ByteStream } from "../dbus/byte-stream.ts";
import type { InteractiveProcess } from "../../domain/runtime.ts";
import type { GracefulClose } from "./graceful-close.ts";

/** What may wait for a process that doesn't read: one that calls us wants to be answered. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * A process's stdin and stdout as a byte stream. Closing it ends its input. A write throws where too
 * much waits already.
 */
export function processStream(
  process: InteractiveProcess,
  gracefulClose: GracefulClose,
): ByteStream {
  return {
    readable: process.stdout,
    write(bytes) {
      const waiting = process.stdin.writableLength ?? 0;
      if (waiting > MAX_WAITING_BYTES) throw new Error(`${waiting} bytes wait for it to read them`);
      process.stdin.write(bytes);
    },
    close: gracefulClose.say,
  };
}
