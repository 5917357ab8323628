import { asError } from "../platform/data/as-error.ts";
import type { Clock } from "../domain/clock.ts";
import { type Event, EventKind } from "../domain/event.ts";
import type { Process } from "../domain/process.ts";
import { clipped, quoted } from "../platform/data/escape.ts";

/** How long the end of a process is waited for when its output has ended, or it was killed. */
const EXIT_GRACE_MS = 250;
const MAX_STDERR_LENGTH = 200;

export interface FollowOptions {
  /** What its output is turned into. Ends by itself when `signal` aborts. */
  readonly events: AsyncIterable<Event>;
  /** What the stream is, for people: `docker events`. */
  readonly what: string;
  /** Node and container that it watches; "" for the engine as a whole. */
  readonly node: string;
  readonly container: string;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly emit: (event: Event) => void;
}

/**
 * Emits a process's events until its output ends, fails, or the signal aborts, and then sees to it
 * that the process has ended too. An end that nobody asked for is an event: `monitor.lost` for EOF,
 * `monitor.error` for a failure. After the signal nothing is emitted. Never rejects.
 */
export async function follow(process: Process, options: FollowOptions): Promise<void> {
  const { events, what, node, container, clock, signal, emit } = options;
  const isAborted = (): boolean => signal?.aborted === true;
  const exited = exitOf(process);
  const tell = (event: Pick<Event, "kind" | "timeNs" | "detail" | "error">): void => {
    if (!isAborted()) emit({ node, container, unit: "", ...event });
  };
  try {
    for await (const event of events) {
      if (isAborted()) break;
      emit(event);
    }
    const timeNs = clock.nowNs();
    // Its last words are worth a moment, where it has said them in time.
    const exit = isAborted() ? undefined : await within(EXIT_GRACE_MS, exited, clock);
    const detail = `${what} stream ended${exitDetail(exit)}`;
    tell({ kind: EventKind.MonitorLost, timeNs, detail });
  } catch (thrown) {
    const error = asError(thrown);
    const detail = `${what} stream failed: ${error.message}`;
    tell({ kind: EventKind.MonitorError, timeNs: clock.nowNs(), detail, error });
  }
  kill(process);
  await within(EXIT_GRACE_MS, exited, clock);
}

/** Ends a process that nobody needs. Never throws. */
export function kill(process: Process): void {
  const attempt = async (): Promise<void> => {
    try {
      await process.kill();
    } catch {
      // It has ended already, or nothing can end it.
    }
  };
  void attempt();
}

async function exitOf(process: Process): Promise<unknown> {
  try {
    return await process.exited;
  } catch {
    return undefined;
  }
}

/** Undefined where it takes longer than `ms`. */
async function within(ms: number, work: Promise<unknown>, clock: Clock): Promise<unknown> {
  const late = Promise.withResolvers<undefined>();
  using _timer = clock.setTimeout(() => late.resolve(undefined), ms);
  return await Promise.race([work, late.promise]);
}

/** `: exit code 1, "Error: No such container: x"`; "" where nothing is known of it. */
function exitDetail(exit: unknown): string {
  if (typeof exit !== "object" || exit === null) return "";
  const { exitCode, signal, stderr } = exit as Record<string, unknown>;
  const words: string[] = [];
  if (typeof exitCode === "number") words.push(`exit code ${exitCode}`);
  if (typeof signal === "string") words.push(signal);
  const lastLine = typeof stderr === "string" ? (stderr.trim().split("\n").at(-1) ?? "") : "";
  if (lastLine !== "") words.push(quoted(clipped(lastLine, MAX_STDERR_LENGTH)));
  return words.length === 0 ? "" : `: ${words.join(", ")}`;
}
