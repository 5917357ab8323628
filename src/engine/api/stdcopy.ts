/** Streams in the engine's multiplexed format. */
export const STDOUT = 1;
export const STDERR = 2;

const HEADER_BYTES = 8;

/**
 * Demultiplexes the output of an exec without a terminal: frames with a header of eight bytes, of
 * which the first is the stream and the last four are the length, big endian. Frames may be cut
 * anywhere. Payloads are emitted as they arrive; none is buffered.
 *
 * https://docs.docker.com/reference/api/engine/ (ContainerAttach, stream format)
 */
export class StdCopyReader {
  readonly #emit: (stream: number, bytes: Buffer) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #stream = 0;
  #left = 0;

  constructor(emit: (stream: number, bytes: Buffer) => void) {
    this.#emit = emit;
  }

  /** @throws if the stream is not multiplexed; the frames before were emitted */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const end = Math.min(chunk.length, at + this.#left);
        this.#left -= end - at;
        this.#emit(this.#stream, chunk.subarray(at, end));
        at = end;
        continue;
      }
      const wanted = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length - at);
      chunk.copy(this.#header, this.#headerBytes, at, at + wanted);
      this.#headerBytes += wanted;
      at += wanted;
      if (this.#headerBytes === HEADER_BYTES) this.#begin();
    }
  }

  #begin(): void {
    this.#headerBytes = 0;
    const [stream = 0, ...zeros] = this.#header.subarray(0, 4);
    if (stream > STDERR || zeros.some((byte) => byte !== 0)) {
      throw new Error("the engine's stream of an exec is not multiplexed");
    }
    this.#stream = stream;
    this.#left = this.#header.readUInt32BE(4);
  }
}
