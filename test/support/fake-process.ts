import { PassThrough } from "node:stream";
import type { Executor, Process } from "../../src/domain/process.ts";

/** A process whose output and end a test makes up. */
export class FakeProcess implements Process {
  readonly stdout = new PassThrough();
  readonly exited: Promise<unknown>;
  /** Settles `exited`; a process that is killed doesn't do so by itself. */
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

  /** Each line with its newline. */
  say(...lines: readonly string[]): void {
    for (const line of lines) this.stdout.write(`${line}\n`);
  }

  kill(): void {
    this.kills += 1;
    this.#killed.resolve();
  }
}

/** Keeps what it was asked for, and answers by `answer`, the n-th call with n. */
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

  /** The process of the n-th call. */
  process(call: number): FakeProcess {
    const process = this.processes[call];
    if (process === undefined) throw new Error(`there is no process ${call}`);
    return process;
  }

  #process(): FakeProcess {
    const process = new FakeProcess();
    this.processes.push(process);
    return process;
  }
}
