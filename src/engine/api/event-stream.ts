import { PassThrough, pipeline } from "node:stream";
import type { Readable } from "node:stream";
import type { Clock } from "../../domain/clock.ts";

/** An engine that says nothing for so long is asked whether it is there. */
const PING_EVERY_MS = 30_000;
const PING_LIMIT_MS = 10_000;

/**
 * A stream of events can be silent for days: an engine that hangs is told by its not answering. The
 * stream is destroyed then.
 */
export function watchOver(
  stream: Pick<Readable, "destroy">,
  engine: { readonly clock: Clock; readonly ping: (limit: AbortSignal) => Promise<void> },
): Disposable {
  const { clock } = engine;
  let timer: Disposable | undefined;
  let isOver = false;
  const again = (): void => {
    timer = clock.setTimeout(() => void ping(), PING_EVERY_MS);
  };
  const ping = async (): Promise<void> => {
    const limit = new AbortController();
    using _limit = clock.setTimeout(() => limit.abort(), PING_LIMIT_MS);
    try {
      await engine.ping(limit.signal);
      if (!isOver) again();
    } catch (error) {
      if (!isOver) stream.destroy(new Error("the engine doesn't answer", { cause: error }));
    }
  };
  again();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      timer?.[Symbol.dispose]();
    },
  };
}

/** What is going to be answered, as a stream that stands already. */
export function lateStream(opening: Promise<Readable>): Readable {
  const stream = new PassThrough();
  opening.then(
    // Both end with each other; who reads is told why by the stream.
    (answer) => pipeline(answer, stream, () => {}),
    (error: unknown) => stream.destroy(error as Error),
  );
  return stream;
}
