import type { Clock } from "../../domain/clock.ts";
import type { FollowJournal } from "../../domain/journal.ts";
import type { Logger } from "../../domain/log.ts";
import type { ProcessExit } from "../../domain/process.ts";
import type {
  CommandOutput,
  ContainerRuntime,
  InteractiveProcess,
  RuntimeExecOptions,
  RuntimeRunOptions,
} from "../../domain/runtime.ts";
import type { SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { asError } from "../../platform/data/as-error.ts";
import { killOnHost } from "../../platform/process/kill-on-host.ts";
import { atMost } from "../../platform/time/at-most.ts";
import {
  killCommand,
  marked,
  type MarkedProcess,
  Marks,
  marksIn,
  parseScan,
  SCAN,
} from "../format/mark.ts";

/** The user that a scan runs as: everyone may read arguments. */
const SCAN_USER = "65534:65534";
const MAX_SCAN_BYTES = 256 * 1024;
const SWEEP_LIMIT_MS = 10_000;
/** Users as whom one sweep kills: a container can fake any number. */
const MAX_USERS = 8;
/** Pauses before a sweep is repeated that failed, or that couldn't rate each process. */
const PAUSES_MS = [2_000, 10_000, 30_000] as const;
/** Time that a sweep has at the end of its stream. */
const END_MS = 1_500;
/** Time in which a command of ours that the engine had ended is reported as ended. */
const SETTLE_MS = 1_000;
/** Programs that our commands in containers are. */
const PROGRAMS: ReadonlySet<string> = new Set(["sh", "systemd-stdio-bridge"]);

export interface OwnCommandsOptions {
  readonly runtime: Pick<ContainerRuntime, "kind" | "exec" | "run" | "execs">;
  /** Returns the container's name. */
  readonly nameOf: (container: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The commands that unitwatch runs in containers, each with a mark in its arguments. An engine that
 * restarts while its containers run cuts the connection to a command, whose input then never ends: so
 * what earlier connections left is found by its mark, and killed.
 *
 * A process of this instance is left if its connection is closed. A process of another instance is
 * left only if the engine, asked after the process was seen, has no exec with its mark.
 */
export class OwnCommands implements Pick<ContainerRuntime, "exec" | "run"> {
  readonly #options: OwnCommandsOptions;
  readonly #marks = new Marks();
  /** Marks of open commands, by container. */
  readonly #open = new Map<string, Set<string>>();
  /** Containers in which a connection was lost, so that a command of this instance may be left. */
  readonly #lost = new Set<string>();

  constructor(options: OwnCommandsOptions) {
    this.#options = options;
  }

  async exec(
    container: string,
    command: readonly string[],
    options: RuntimeExecOptions,
  ): Promise<InteractiveProcess> {
    const opened = this.#opened(container);
    try {
      const { runtime } = this.#options;
      const process = await runtime.exec(container, marked(command, opened.mark), options);
      void this.#follow(process, container, { opened, signal: options.signal });
      return process;
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
  }

  async run(
    container: string,
    command: readonly string[],
    options: RuntimeRunOptions,
  ): Promise<CommandOutput> {
    using opened = this.#opened(container);
    return await this.#options.runtime.run(container, marked(command, opened.mark), options);
  }

  /** Returns the source; each of its streams, once it works, ends what earlier ones left. */
  sweeping(source: SystemdSource, container: string): SystemdSource {
    const { clock } = this.#options;
    return {
      run: async (take, options) => {
        const stream = new AbortController();
        const end = new AbortController();
        let sweeping: Promise<void> | undefined;
        const noticing: TakeMessage = (message) => {
          if (message.kind === "listed" && this.#open.has(container)) {
            sweeping ??= this.#sweepUntilDone(container, {
              signal: end.signal,
              pause: stream.signal,
            });
          }
          return take(message);
        };
        try {
          await source.run(noticing, options);
        } finally {
          stream.abort(new Error("the stream has ended"));
          if (sweeping !== undefined && this.#lost.has(container)) {
            await atMost(END_MS, clock, sweeping);
          }
          end.abort(new Error("the stream has ended"));
        }
      },
    };
  }

  /** Returns the follower; each of its streams, once it works, ends what earlier ones left. */
  sweepingFollow(follow: FollowJournal, container: string): FollowJournal {
    return async (query) => {
      using end = new DisposableStack();
      const stream = new AbortController();
      end.defer(() => stream.abort(new Error("the stream has ended")));
      const { signal } = stream;
      let sweeping: Promise<void> | undefined;
      await follow({
        ...query,
        take: (entries) => {
          sweeping ??= this.#sweepUntilDone(container, { signal, pause: signal });
          query.take(entries);
        },
      });
    };
  }

  /** Kills what is left of this instance's commands, as far as this host shows and permits it. */
  killLeft(): void {
    if (this.#lost.size === 0) return;
    this.#lost.clear();
    killOnHost(
      ([program = "", ...args]) =>
        PROGRAMS.has(program) && marksIn(args).some((mark) => this.#marks.has(mark)),
    );
  }

  #opened(container: string): Disposable & { readonly mark: string } {
    const mark = this.#marks.next();
    const marks = this.#open.get(container) ?? new Set();
    this.#open.set(container, marks.add(mark));
    return {
      mark,
      [Symbol.dispose]: () => {
        marks.delete(mark);
        if (marks.size === 0 && this.#open.get(container) === marks) this.#open.delete(container);
      },
    };
  }

  async #follow(
    process: InteractiveProcess,
    container: string,
    { opened, signal }: { readonly opened: Disposable; readonly signal: AbortSignal },
  ): Promise<void> {
    const exit = (await process.exited.catch(() => {})) as Partial<ProcessExit> | undefined;
    opened[Symbol.dispose]();
    // A command that ended has an exit code; the engine's own command has one in any case.
    const isLost = exit?.exitCode === undefined || this.#options.runtime.kind === "cli";
    if (!signal.aborted && isLost) this.#lost.add(container);
  }

  async #sweepUntilDone(
    container: string,
    { signal, pause }: { readonly signal: AbortSignal; readonly pause: AbortSignal },
  ): Promise<void> {
    const { nameOf, clock, log } = this.#options;
    for (const pauseMs of [...PAUSES_MS, 0]) {
      try {
        if (await this.#sweep(container, signal)) return;
      } catch (error) {
        if (signal.aborted) return;
        log.debug("leftover commands not swept", {
          container: nameOf(container),
          err: asError(error),
        });
      }
      try {
        await clock.sleep(pauseMs, pause);
      } catch {
        return;
      }
    }
  }

  /** Returns false if a process remains of which it is unknown whether it is left. */
  async #sweep(container: string, end: AbortSignal): Promise<boolean> {
    const { nameOf, log } = this.#options;
    const signal = AbortSignal.any([end, AbortSignal.timeout(SWEEP_LIMIT_MS)]);
    const options = { maxBytes: MAX_SCAN_BYTES, signal };
    const closed = await this.#closed(container, signal);
    const own = closed.filter(({ mark }) => this.#marks.has(mark));
    const foreign = closed.filter(({ mark }) => !this.#marks.has(mark));
    const known = foreign.length === 0 ? new Set<string>() : await this.#known(container, signal);
    const left = [...own, ...foreign.filter(({ mark }) => known?.has(mark) === false)];
    const byUser = [...Map.groupBy(left, (process) => process.uid)].slice(0, MAX_USERS);
    for (const [uid, processes] of byUser) {
      // With no more rights than the processes have themselves.
      await this.run(container, killCommand(processes), { ...options, user: `${uid}:${uid}` });
    }
    this.#lost.delete(container);
    if (left.length > 0) {
      log.info("leftover commands killed", {
        container: nameOf(container),
        processes: left.length,
      });
    }
    return known !== undefined;
  }

  /** Returns the marked processes whose connection, if it was one of this instance, is closed. */
  async #closed(container: string, signal: AbortSignal): Promise<readonly MarkedProcess[]> {
    // Open until its output is read: the scan finds itself too.
    using opened = this.#opened(container);
    const scan = await this.#options.runtime.run(container, marked(SCAN, opened.mark), {
      user: SCAN_USER,
      maxBytes: MAX_SCAN_BYTES,
      signal,
    });
    if (scan.exitCode !== 0) throw new Error(scan.stderr.trim() || scan.stdout.trim());
    const open = this.#open.get(container);
    return parseScan(scan.stdout).filter(({ mark }) => open?.has(mark) !== true);
  }

  /** Returns the marks of the engine's execs in the container; undefined if some are unknown. */
  async #known(container: string, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
    const { runtime, clock } = this.#options;
    const open = [...(this.#open.get(container) ?? [])];
    const commands = await runtime.execs(container, signal);
    const unknown = commands.filter((command) => command === undefined).length;
    if (unknown > 0) {
      if (unknown !== open.length) return undefined;
      // If all of ours were still open, they are the unknown ones.
      await clock.sleep(SETTLE_MS, signal);
      if (!open.every((mark) => this.#open.get(container)?.has(mark) === true)) return undefined;
    }
    return new Set(commands.flatMap((command) => marksIn(command ?? [])));
  }
}
