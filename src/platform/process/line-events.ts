import { untilAborted } from "../time/until-aborted.ts";
import { LineSplitter } from "../data/lines.ts";

/** Output of a process, cut anywhere: a Node or web stream, or any other iterable of it. */
export type ByteInput = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** Options of a monitor's run. */
export interface RunOptions {
  /** Ends the iteration, without an error, also while the stream is silent. */
  readonly signal?: AbortSignal | undefined;
}

export interface LineEventsOptions<T> extends RunOptions {
  /** Returns the event of a line, or undefined for a line of no interest. */
  readonly parse: (line: string) => T | "malformed" | undefined;
  /** Called for each line that is malformed, too long, or not UTF-8. */
  readonly onBadLine: () => void;
}

/**
 * Yields the events in a stream's lines. Reads the next chunk when the last one's events are
 * consumed, so a slow consumer holds the stream back. Ends with the stream or the signal.
 *
 * @throws what the stream throws
 */
export async function* lineEvents<T>(
  input: ByteInput,
  options: LineEventsOptions<T>,
): AsyncGenerator<T, void, undefined> {
  const { signal, parse, onBadLine } = options;
  const isAborted = (): boolean => signal?.aborted === true;
  if (isAborted()) return;
  const events: T[] = [];
  const lines = new LineSplitter({
    onLine(line) {
      const event = parse(line);
      if (event === "malformed") onBadLine();
      else if (event !== undefined) events.push(event);
    },
    onBadLine,
  });
  const chunks = iteratorOf(input);
  let isOpen = true;
  try {
    while (isOpen) {
      const next = await nextChunk(chunks, signal);
      if (next === undefined) return;
      if (next.done === true) {
        isOpen = false;
        lines.end();
      } else {
        lines.push(next.value);
      }
      for (const event of events) {
        yield event;
        if (isAborted()) return;
      }
      events.length = 0;
    }
  } finally {
    if (isOpen) void close(chunks);
  }
}

type Chunks = AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>;

function iteratorOf(input: ByteInput): Chunks {
  return typeof input === "object" && Symbol.asyncIterator in input
    ? input[Symbol.asyncIterator]()
    : input[Symbol.iterator]();
}

/** Returns undefined once aborted, also if the stream fails for it. */
async function nextChunk(
  chunks: Chunks,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<Uint8Array | string> | undefined> {
  try {
    const next = await untilAborted(chunks.next(), signal);
    return signal?.aborted === true ? undefined : next;
  } catch (error) {
    if (signal?.aborted === true) return undefined;
    throw error;
  }
}

/** Closes the stream. It may never settle: many streams do so only at their next chunk. */
async function close(chunks: Chunks): Promise<void> {
  try {
    await chunks.return?.();
  } catch {
    // The iteration has ended: no caller is left.
  }
}
