import { Readable } from "node:stream";
import type { Duplex } from "node:stream";
import type { ProcessExit } from "../../domain/process.ts";
import type { InteractiveProcess } from "../../domain/runtime.ts";
import { STDOUT, StdCopyReader } from "./stdcopy.ts";

/** Bytes of stderr that are kept, its last ones. */
const MAX_STDERR_BYTES = 4096;

/**
 * Wraps an exec over a hijacked connection as a process.
 *
 * @param exitCode requests the exit code, after the stream has ended
 */
export function hijackedProcess(
  connection: { readonly socket: Duplex; readonly head: Buffer },
  exitCode: () => Promise<number | undefined>,
): InteractiveProcess {
  const { socket, head } = connection;
  let stderr = Buffer.alloc(0);
  const stdout = new Readable({
    read: () => void socket.resume(),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  // A reader gets the error from its iteration; without a reader it must not end the process.
  stdout.on("error", () => {});
  const frames = new StdCopyReader((stream, bytes) => {
    if (stream === STDOUT) {
      if (!stdout.push(bytes)) socket.pause();
    } else {
      stderr = Buffer.concat([stderr, bytes]).subarray(-MAX_STDERR_BYTES);
    }
  });
  const take = (chunk: Buffer): void => {
    try {
      frames.push(chunk);
    } catch (error) {
      stdout.destroy(error as Error);
    }
  };
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  socket.on("data", take);
  socket.on("end", () => stdout.push(null));
  socket.on("error", (error) => stdout.destroy(error));
  socket.once("close", () => {
    if (!stdout.readableEnded && !stdout.destroyed) stdout.push(null);
    end();
  });
  if (head.length > 0) take(head);
  return {
    stdout,
    stdin: {
      write: (bytes) => socket.write(bytes),
      end: () => socket.end(),
      get writableLength() {
        return socket.writableLength;
      },
    },
    kill: () => socket.destroy(),
    exited: exitOf(),
  };

  async function exitOf(): Promise<ProcessExit> {
    await ended;
    const code = await exitCode().catch(() => undefined);
    return { exitCode: code, signal: undefined, stderr: stderr.toString("utf8") };
  }
}
