/** How a process ended. */
export interface ProcessExit {
  /** Exit status; undefined where a signal ended it. */
  readonly exitCode: number | undefined;
  /** Signal name, such as `SIGKILL`; undefined where it exited. */
  readonly signal: string | undefined;
  /** The last 4 KiB of what it wrote to stderr. */
  readonly stderr: string;
}

/** Where bytes for a process go. `end()` closes it: the process reads EOF. */
export interface ByteSink {
  write(bytes: Uint8Array | string): unknown;
  end(): unknown;
  /** Bytes that were written and are still to be taken; left out where that isn't known. */
  readonly writableLength?: number;
}

/** A running long-lived command. */
export interface Process {
  /** Its output as it comes. Read it until it ends: what isn't read stops the process. */
  readonly stdout: AsyncIterable<Uint8Array | string>;
  /** Its input, open until `end()`. */
  readonly stdin?: ByteSink;
  /** Ends it by SIGKILL; harmless when it has ended already. */
  kill(): unknown;
  /** Settles when it has ended, with {@link ProcessExit} from the real executor; never rejects there. */
  readonly exited: Promise<unknown>;
}

/** Starts commands: the real one is `execaExecutor()`, tests have fakes. */
export interface Executor {
  /** Starts `command`. Throws or rejects where it can't be started (not found, not executable). */
  start(command: string, args: readonly string[]): Process | Promise<Process>;
}
