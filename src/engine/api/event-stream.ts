import { PassThrough, pipeline } from "node:stream";
import type { Readable } from "node:stream";
import type { Clock } from "../../domain/clock.ts";

/** Pause between the pings of an open event stream. */
const PING_EVERY_MS = 30_000;
const PING_LIMIT_MS = 10_000;

/**
 * Destroys the stream when the engine no longer answers pings: an event stream can be silent for
 * days, so silence alone doesn't show a hanging engine.
 */
export function pingWhileOpen(
  stream: Pick<Readable, "destroy">,
  engine: { readonly clock: Clock; readonly ping: (limit: AbortSignal) => Promise<void> },
): Disposable {
  const { clock } = engine;
  let timer: Disposable | undefined;
  let isOver = false;
  const schedule = (): void => {
    timer = clock.setTimeout(() => void ping(), PING_EVERY_MS);
  };
  const ping = async (): Promise<void> => {
    const limit = new AbortController();
    using _limit = clock.setTimeout(() => limit.abort(), PING_LIMIT_MS);
    try {
      await engine.ping(limit.signal);
      if (!isOver) schedule();
    } catch (error) {
      if (!isOver) stream.destroy(new Error("the engine doesn't answer", { cause: error }));
    }
  };
  schedule();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      timer?.[Symbol.dispose]();
    },
  };
}

/** Returns a stream at once for an answer that is still to come. */
export function lateStream(opening: Promise<Readable>): Readable {
  const stream = new PassThrough();
  opening.then(
    // Both end together; the reader gets the error from the stream.
    (answer) => pipeline(answer, stream, () => {}),
    (error: unknown) => stream.destroy(error as Error),
  );
  return stream;
}
