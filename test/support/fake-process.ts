import { PassThrough } from "node:stream";
import type { Executor, Process } from "../../src/domain/process.ts";

/** Process whose output and end a test controls. */
export class FakeProcess implements Process {
  readonly stdout = new PassThrough();
  readonly exited: Promise<unknown>;
  /** Settles `exited`; a kill doesn't do so by itself. */
  readonly exit: (exit?: unknown) => void;
  readonly failExit: (error: Error) => void;
  /** Resolves at the first kill. */
  readonly killed: Promise<void>;
  kills = 0;
  readonly #killed = Promise.withResolvers<void>();

  constructor() {
    const exited = Promise.withResolvers<unknown>();
    this.exited = exited.promise;
    this.exit = exited.resolve;
    this.failExit = exited.reject;
    this.killed = this.#killed.promise;
  }

  /** Writes lines to stdout, with newlines. */
  say(...lines: readonly string[]): void {
    for (const line of lines) this.stdout.write(`${line}\n`);
  }

  kill(): void {
    this.kills += 1;
    this.#killed.resolve();
  }
}

/** Records its calls and answers the n-th with `answer(n)`. */
export class FakeExecutor implements Executor {
  readonly calls: (readonly [command: string, ...args: string[]])[] = [];
  readonly processes: FakeProcess[] = [];
  readonly #answer: (call: number) => Process | Promise<Process>;

  constructor(answer?: (call: number) => Process | Promise<Process>) {
    this.#answer = answer ?? (() => this.#process());
  }

  start(command: string, args: readonly string[]): Process | Promise<Process> {
    this.calls.push([command, ...args]);
    return this.#answer(this.calls.length - 1);
  }

  /** Returns the process of the n-th call. */
  process(call: number): FakeProcess {
    const process = this.processes[call];
    if (process === undefined) throw new Error(`no process ${call}`);
    return process;
  }

  #process(): FakeProcess {
    const process = new FakeProcess();
    this.processes.push(process);
    return process;
  }
}
