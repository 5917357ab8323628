import { fixedHeaderBytes, type Frame, frameLength } from "./header.ts";
import { viewOf } from "./text.ts";
import { ByteBuffer } from "../../platform/data/byte-buffer.ts";

const firstBytes = 4096;

/**
 * Cuts a stream of chunks into messages. A message within one chunk is emitted without a copy; one
 * that spans chunks is assembled in memory that grows with the bytes received, not with the length
 * announced: at most twice those bytes, and 16 MiB.
 */
export class Framer {
  /** Start of an unfinished message. */
  readonly #held = new ByteBuffer({ minBytes: 0 });
  /** Length of that message, or of the fixed header until it is complete. */
  #need = 0;
  #stopped = false;

  /** Number of held bytes of an unfinished message. */
  get heldBytes(): number {
    return this.#held.end;
  }

  /** Drops the held bytes; `push` emits nothing more, not even of its current chunk. */
  stop(): void {
    this.#stopped = true;
    this.#held.clear(0);
  }

  /**
   * Takes a chunk.
   *
   * @param chunk must not change any more: messages are views of it
   * @param onFrame called with each complete message before this returns
   * @throws DBusProtocolError for an invalid header; the stream is then lost
   */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    const source = { bytes: chunk, view: viewOf(chunk) };
    let at = 0;
    while (!this.#stopped && at < chunk.length) {
      const left = chunk.length - at;
      if (this.#held.end === 0 && left >= fixedHeaderBytes) {
        const length = frameLength(source, at);
        if (length <= left) {
          onFrame({ ...source, start: at, end: at + length });
          at += length;
          continue;
        }
        this.#need = length;
      } else if (this.#held.end === 0) {
        this.#need = fixedHeaderBytes;
      }
      at += this.#hold(chunk, at);
      if (this.#held.end === fixedHeaderBytes) {
        const bytes = this.#held.written;
        this.#need = frameLength({ bytes, view: viewOf(bytes) }, 0);
      }
      if (this.#held.end === this.#need) this.#release(onFrame);
    }
  }

  /** Copies the missing bytes that the chunk has, and returns their number. */
  #hold(chunk: Buffer, at: number): number {
    const size = Math.min(this.#need - this.#held.end, chunk.length - at);
    this.#held.allocate(Math.min(firstBytes, this.#need));
    this.#held.appendPart(chunk, at, at + size);
    return size;
  }

  #release(onFrame: (frame: Frame) => void): void {
    const bytes = this.#held.take();
    onFrame({ bytes, view: viewOf(bytes), start: 0, end: bytes.length });
  }
}
