import type { Clock } from "../domain/clock.ts";
import { type Event, EventKind } from "../domain/event.ts";
import type { Process } from "../domain/process.ts";
import { asError } from "../platform/data/as-error.ts";
import { clipped, quoted } from "../platform/data/escape.ts";
import { atMost } from "../platform/time/at-most.ts";

/** Time that a process has to end after its output, or after it was killed. */
const EXIT_GRACE_MS = 250;
const MAX_STDERR_LENGTH = 200;

export interface FollowOptions {
  /** Events in the process's output. They end when `signal` aborts. */
  readonly events: AsyncIterable<Event>;
  /** Name of the stream, for people: `docker events`. */
  readonly what: string;
  /** Watched node and container; "" for the engine as a whole. */
  readonly node: string;
  readonly container: string;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly emit: (event: Event) => void;
}

/**
 * Emits a process's events until its output ends or fails or the signal aborts, then kills the
 * process. Emits `monitor.lost` for an end and `monitor.error` for a failure, but nothing after the
 * signal. Never rejects.
 */
export async function follow(process: Process, options: FollowOptions): Promise<void> {
  const { events, what, node, container, clock, signal, emit } = options;
  const isAborted = (): boolean => signal?.aborted === true;
  const exited = exitOf(process);
  const emitEnd = (event: Pick<Event, "kind" | "timeNs" | "detail" | "error">): void => {
    if (!isAborted()) emit({ node, container, unit: "", ...event });
  };
  try {
    for await (const event of events) {
      if (isAborted()) break;
      emit(event);
    }
    const timeNs = clock.nowNs();
    // Its exit says why it ended, if it comes in time.
    const exit = isAborted() ? undefined : await atMost(EXIT_GRACE_MS, clock, exited);
    const detail = `${what} stream ended${exitDetail(exit)}`;
    emitEnd({ kind: EventKind.MonitorLost, timeNs, detail });
  } catch (thrown) {
    const error = asError(thrown);
    const detail = `${what} stream failed: ${error.message}`;
    emitEnd({ kind: EventKind.MonitorError, timeNs: clock.nowNs(), detail, error });
  }
  kill(process);
  await atMost(EXIT_GRACE_MS, clock, exited);
}

/** Kills a process of the caller's executor. Never throws. */
export function kill(process: Process): void {
  const attempt = async (): Promise<void> => {
    try {
      await process.kill();
    } catch {
      // It has ended already, or can't be killed.
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

/** Returns `: exit code 1, "Error: No such container: x"`; "" for an unknown exit. */
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
