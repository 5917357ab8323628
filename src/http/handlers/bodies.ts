import { promisify } from "node:util";
import { gzip } from "node:zlib";

const gzipAsync = promisify(gzip);
/** Shrinks metrics, JSON and HTML to a 25th, in half the time of the default level. */
const GZIP_LEVEL = 3;
/** A chunk is this part of the text: zlib would join smaller chunks by copying them. */
const GZIP_CHUNK_DIVISOR = 16;
const MIN_GZIP_CHUNK_BYTES = 16 * 1024;

/** A body that several responses send. It is released once, after the last of them. */
export class SharedBody {
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly #onRelease: () => void;
  #gzipped: Promise<Buffer> | undefined;
  /** The creator is the first. */
  #users = 1;

  constructor(contentType: string, bytes: Buffer, onRelease: () => void) {
    this.contentType = contentType;
    this.bytes = bytes;
    this.#onRelease = onRelease;
  }

  /** Adds a user. Valid only before the last release. */
  retain(): void {
    this.#users += 1;
  }

  /** Removes a user. */
  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#onRelease();
  }

  /** Returns the body gzipped, off the event loop and once for all users. */
  gzipped(): Promise<Buffer> {
    return (this.#gzipped ??= this.#gzip());
  }

  async #gzip(): Promise<Buffer> {
    this.retain();
    try {
      const chunkBytes = Math.ceil(this.bytes.length / GZIP_CHUNK_DIVISOR);
      const chunkSize = Math.max(MIN_GZIP_CHUNK_BYTES, chunkBytes);
      return await gzipAsync(this.bytes, { level: GZIP_LEVEL, chunkSize });
    } finally {
      this.release();
    }
  }
}

/** A response that a body is sent to. */
export interface BodyClient {
  destroy(): unknown;
}

/**
 * Bounds the bodies that are being sent. Clients of one body count once. A body past the limit closes
 * the clients of the oldest one: slow clients pay, new ones don't.
 */
export class HeldBodies {
  readonly #limit: number;
  /** Oldest first. */
  readonly #clients = new Map<Buffer, Set<BodyClient>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds a client of a body. Returns the number of clients that it closed for that. */
  hold(body: Buffer, client: BodyClient): number {
    const clients = this.#clients.get(body);
    if (clients !== undefined) {
      clients.add(client);
      return 0;
    }
    let closed = 0;
    for (const [oldest, slow] of this.#clients) {
      if (this.#clients.size < this.#limit) break;
      this.#clients.delete(oldest);
      for (const each of slow) each.destroy();
      closed += slow.size;
    }
    this.#clients.set(body, new Set([client]));
    return closed;
  }

  /** Removes a client: it has its body, or has disconnected. */
  release(client: BodyClient): void {
    for (const [body, clients] of this.#clients) {
      if (clients.delete(client) && clients.size === 0) this.#clients.delete(body);
    }
  }
}
