import type { Writable } from "node:stream";

/** Bytes that wait for a slow reader of stderr; a line beyond them is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Returns a function that writes a line to stderr (or another stream), or returns false for a line
 * that it drops. A closed pipe, a full disk or a reader that stops costs lines, nothing else.
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
      // A write to a file is synchronous, and throws: ENOSPC, EAGAIN.
      return false;
    }
  };
}
