import type { Writable } from "node:stream";

/** What may wait for a reader that is slow; a line beyond it is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Writes lines to stderr (or another stream) so that no reader of it can stop or end the program:
 * a closed pipe, a full disk or a reader that stands still costs lines, nothing else. Answers false
 * for a line that was dropped.
 */
export function stderrSink(stream: Writable = process.stderr): (line: string) => boolean {
  let broken = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    broken ||= error.code === "EPIPE" || stream.destroyed;
  });
  return (line) => {
    if (broken || stream.writableLength > MAX_WAITING_BYTES) return false;
    try {
      stream.write(line);
      return true;
    } catch {
      // A file is written at once, and throws: ENOSPC, EAGAIN.
      return false;
    }
  };
}
