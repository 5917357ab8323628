import type { Readable } from "node:stream";

/** The reason of a failure comes last. */
const KEPT_BYTES = 4_096;

/** Reads a command's stderr to its end; returns a function that returns its last 4 KiB as text. */
export function keptEnd(stderr: Readable): () => string {
  let kept: Buffer = Buffer.alloc(0);
  stderr.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-KEPT_BYTES);
  });
  return () => kept.toString("utf8");
}
