import { fixedHeaderBytes, type Frame, frameLength } from "./header.ts";
import { viewOf } from "./text.ts";
import { ByteBuffer } from "../../platform/data/byte-buffer.ts";

const firstBytes = 4096;

/**
 * Cuts a stream of chunks into messages. A message that lies in one chunk is handed on where it
 * lies; one that is spread over chunks is put together, in memory that grows with what came and
 * not with what was announced: at most twice the bytes received, of 16 MiB at most.
 */
export class Framer {
  /** Start of an unfinished message. */
  readonly #held = new ByteBuffer({ minBytes: 0 });
  /** Length of that message; the fixed header's until that is complete. */
  #need = 0;
  #stopped = false;

  /** Bytes of an unfinished message that are held. */
  get heldBytes(): number {
    return this.#held.end;
  }

  /** Drops what is held; `push` hands on no more, not even of the chunk that it is at. */
  stop(): void {
    this.#stopped = true;
    this.#held.clear(0);
  }

  /**
   * @param chunk not to be changed any more: messages lie in it
   * @param onFrame called with each message that is whole, before this returns
   * @throws DBusProtocolError for a header that no message may have; the stream is then lost
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

  /** Copies the missing bytes that the chunk has, and returns how many there were. */
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
