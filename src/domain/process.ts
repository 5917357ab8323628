/** How a process ended. */
export interface ProcessExit {
  /** Exit status; undefined if a signal ended it. */
  readonly exitCode: number | undefined;
  /** Signal name, such as `SIGKILL`; undefined if it exited. */
  readonly signal: string | undefined;
  /** Last 4 KiB of its stderr. */
  readonly stderr: string;
}

/** Input of a process. `end()` closes it: the process reads EOF. */
export interface ByteSink {
  write(bytes: Uint8Array | string): unknown;
  end(): unknown;
  /** Bytes that were written, and that the process hasn't read; absent if unknown. */
  readonly writableLength?: number;
}

/** A running long-lived command. */
export interface Process {
  /** Its output as it comes. Read it to its end: unread output stops the process. */
  readonly stdout: AsyncIterable<Uint8Array | string>;
  /** Its input, open until `end()`. */
  readonly stdin?: ByteSink;
  /** Kills it by SIGKILL; harmless when it has ended. */
  kill(): unknown;
  /** Settles when it has ended. The real executor never rejects it, and resolves a {@link ProcessExit}. */
  readonly exited: Promise<unknown>;
}

/** Starts commands. The real one is `execaExecutor()`. */
export interface Executor {
  /** Starts `command`. Throws or rejects if it can't be started (not found, not executable). */
  start(command: string, args: readonly string[]): Process | Promise<Process>;
}
