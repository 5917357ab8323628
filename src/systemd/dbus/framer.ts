import { fixedHeaderBytes, type Frame, frameLength } from "./header.ts";
import { viewOf } from "./text.ts";

const empty = Buffer.alloc(0);
const firstBytes = 4096;

/**
 * Cuts a stream of chunks into messages. A message that lies in one chunk is handed on where it
 * lies; one that is spread over chunks is put together, in memory that grows with what came and
 * not with what was announced: at most twice the bytes received, of 16 MiB at most.
 */
export class Framer {
  /** Bytes of an unfinished message: `#held[0, #have)`, of `#need`, which is the fixed header's
   * length until that is known. */
  #held = empty;
  #have = 0;
  #need = 0;
  #stopped = false;

  /** Bytes of an unfinished message that are held. */
  get heldBytes(): number {
    return this.#have;
  }

  /** Drops what is held; `push` hands on no more, not even of the chunk that it is at. */
  stop(): void {
    this.#stopped = true;
    this.#held = empty;
    this.#have = 0;
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
      if (this.#have === 0 && left >= fixedHeaderBytes) {
        const length = frameLength(source, at);
        if (length <= left) {
          onFrame({ ...source, start: at, end: at + length });
          at += length;
          continue;
        }
        this.#need = length;
      } else if (this.#have === 0) {
        this.#need = fixedHeaderBytes;
      }
      at += this.#hold(chunk, at);
      if (this.#have === fixedHeaderBytes) {
        this.#need = frameLength({ bytes: this.#held, view: viewOf(this.#held) }, 0);
      }
      if (this.#have === this.#need) this.#release(onFrame);
    }
  }

  /** Copies what the chunk has of what is needed, and gives how many bytes that were. */
  #hold(chunk: Buffer, at: number): number {
    const size = Math.min(this.#need - this.#have, chunk.length - at);
    const have = this.#have + size;
    if (have > this.#held.length) {
      const room = Math.max(have, 2 * this.#held.length, Math.min(firstBytes, this.#need));
      const grown = Buffer.allocUnsafeSlow(room);
      this.#held.copy(grown, 0, 0, this.#have);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#have, at, at + size);
    this.#have = have;
    return size;
  }

  #release(onFrame: (frame: Frame) => void): void {
    const frame = { bytes: this.#held, view: viewOf(this.#held), start: 0, end: this.#have };
    this.#held = empty;
    this.#have = 0;
    onFrame(frame);
  }
}
