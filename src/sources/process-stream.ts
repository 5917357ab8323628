import type { ByteStream } from "../dbus/byte-stream.ts";
import type { InteractiveProcess } from "../domain/runtime.ts";
import type { Goodbye } from "./goodbye.ts";

/** A process's stdin and stdout as a byte stream. Closing it ends its input. */
export function processStream(process: InteractiveProcess, goodbye: Goodbye): ByteStream {
  return {
    readable: process.stdout,
    write(bytes) {
      process.stdin.write(bytes);
    },
    close: goodbye.say,
  };
}
