import { promisify } from "node:util";
import { gzip } from "node:zlib";

const gzipAsync = promisify(gzip);
/** Text of this kind shrinks to a 25th at this level, in half the time of the default one. */
const GZIP_LEVEL = 3;
/** The room that is made at once for that: pieces would be put together anew, and leave holes. */
const GZIP_ROOM = 16;
const SMALLEST_GZIP_BYTES = 16 * 1024;

/** What is rendered for several who ask. */
export interface Rendering {
  readonly contentType: string;
  readonly body: Buffer;
  /** The body gzipped, once for all that ask. */
  gzipped(): Promise<Buffer>;
}

export function renderingOf(contentType: string, body: Buffer): Rendering {
  let gzipped: Promise<Buffer> | undefined;
  return { contentType, body, gzipped: () => (gzipped ??= gzippedText(body)) };
}

/** Compresses text of the kind that is rendered here, off the event loop. */
export function gzippedText(text: Buffer): Promise<Buffer> {
  return gzipAsync(text, {
    level: GZIP_LEVEL,
    chunkSize: Math.max(SMALLEST_GZIP_BYTES, Math.ceil(text.length / GZIP_ROOM)),
  });
}
