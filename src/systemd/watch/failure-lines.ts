import { logged } from "../../domain/container-name.ts";
import type { Change, UnitChange } from "../../domain/change.ts";
import type { Clock } from "../../domain/clock.ts";
import type { ContainerIdentity } from "../../domain/container.ts";
import type {
  FailedRun,
  JournalLine,
  JournalRun,
  ReadLines,
  RunLines,
} from "../../domain/journal.ts";
import type { Logger } from "../../domain/log.ts";
import type { ManagerRecord } from "../../state/containers/user-manager.ts";
import { managerKey, managerOf } from "../../domain/user-unit.ts";
import { asError } from "../../platform/data/as-error.ts";

/** Time for the journal to get a run's last lines, and for other runs to fail: one question has all. */
const GATHER_MS = 200;
/** Least time between two questions to one container. */
const INTERVAL_MS = 1_000;
/** Runs of one question, and of one container that wait for the next. */
const MAX_RUNS = 16;
const MAX_WAITING = 64;
/** Time after a failure in which the journal gets lines of the run: of a flood, with those of later runs. */
const LATE_NS = 500_000_000n;
/** Crowded answers after which a question has this run alone. */
const MAX_CROWDED = 2;
/** Questions under way: each can be a process in a container. */
const MAX_QUESTIONS = 4;
/** Time for which a container whose journal can't be read is asked again. */
const LIMIT_MS = 60_000;
const MAX_PAUSE_MS = 8_000;
/** Runs whose newest line is remembered: they can fail again. */
const MAX_REMEMBERED = 256;
/** User managers of which this is remembered: a container can have any number, one after the other. */
const MAX_IDLE_USERS = 1_000;

export interface FailureLinesOptions {
  /** Returns a reader of a systemd's lines, by its {@link managerKey}; undefined if it isn't watched. */
  readonly linesOf: (key: string) => ReadLines | undefined;
  readonly recordOf: (key: string) => ManagerRecord | undefined;
  /** Most lines of a failure. */
  readonly lines: number;
  readonly found: (failed: FailedRun) => void;
  /** Reports failures whose lines were left out (`journal_runs`), and altered lines (`journal_entries`). */
  readonly dropped: (stage: "journal_runs" | "journal_entries", count: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A run whose lines are requested. */
interface WaitingRun {
  readonly run: JournalRun;
  readonly identity: ContainerIdentity;
  /** Its failures, the oldest first; none if it had failed before. */
  readonly changes: Change[];
  readonly order: number;
  readonly sinceMs: number;
  /** Answers in which lines of other runs left no room for its own. */
  readonly crowded: number;
}

interface ContainerQueue {
  readonly waiting: Map<string, WaitingRun>;
  /** Newest line of runs that had lines. */
  readonly newest: Map<string, { readonly timeNs: bigint; readonly cursor: string }>;
  /** When the last question began: monotonic milliseconds. */
  askedMs: number;
  failures: number;
  isAsking: boolean;
  timer: Disposable | undefined;
}

/**
 * Reads the last lines of each run that failed from its container's journal. A question begins a moment
 * after the failure, so that nothing waits for it, and one container gets at most one a second, with the
 * runs that failed meanwhile.
 */
export class FailureLines implements Disposable {
  readonly #options: FailureLinesOptions;
  readonly #queues = new Map<string, ContainerQueue>();
  readonly #end = new AbortController();
  readonly #ready: string[] = [];
  readonly #listed = new WeakSet<ManagerRecord>();
  #questions = 0;
  #order = 0;

  constructor(options: FailureLinesOptions) {
    this.#options = options;
  }

  /** Requests lines if the change is a failure. */
  changed(change: Change): void {
    switch (change.kind) {
      case "unit.failed":
        this.#failed(change);
        break;
      case "system.state":
        if (change.systemState === "degraded") this.#degraded(change);
        break;
      case "container.destroy":
        this.#forget(change.identity.id);
        break;
      default:
    }
  }

  /** Requests lines of the units that had failed when the container was listed for the first time. */
  listed(record: ManagerRecord): void {
    const { systemd, identity } = record;
    if (!systemd.up || this.#listed.has(record)) return;
    this.#listed.add(record);
    if ((systemd.units.counts().get("failed") ?? 0) === 0) return;
    const failed = [...systemd.units.values()].filter(
      ({ activeState, lastFailure }) => activeState === "failed" && lastFailure === undefined,
    );
    for (const { name, facts } of failed.slice(0, MAX_RUNS)) {
      this.#add(identity, undefined, { unit: name, invocationId: facts.invocationId });
    }
  }

  [Symbol.dispose](): void {
    this.#end.abort(new Error("the program ends"));
    for (const { timer } of this.#queues.values()) timer?.[Symbol.dispose]();
    this.#queues.clear();
  }

  #failed(change: UnitChange): void {
    const invocationId = change.run.slice(0, change.run.indexOf(" "));
    if (change.recovered && invocationId === "") {
      // The journal lost systemd's line about it, so that nothing says which run it was.
      this.#options.dropped("journal_runs", 1);
      return;
    }
    this.#add(change.identity, change, { unit: change.unit, invocationId });
  }

  /** A unit that the filters hide has no change of its own. */
  #degraded(change: Change & { readonly kind: "system.state" }): void {
    const { identity } = change;
    const units = this.#options.recordOf(managerKey(identity))?.systemd.units.values() ?? [];
    let room = MAX_RUNS;
    for (const { name, activeState, shown, facts } of units) {
      if (activeState !== "failed" || shown || room === 0) continue;
      room -= 1;
      this.#add(identity, change, { unit: name, invocationId: facts.invocationId });
    }
  }

  #add(identity: ContainerIdentity, change: Change | undefined, run: JournalRun): void {
    if (this.#end.signal.aborted) return;
    const container = managerKey(identity);
    const changes = change === undefined ? [] : [change];
    const queue = this.#queueOf(container);
    const key = keyOf(run);
    const known = queue.waiting.get(key);
    if (known !== undefined) {
      known.changes.push(...changes);
      return;
    }
    if (queue.waiting.size >= MAX_WAITING) {
      const [oldest] = queue.waiting;
      if (oldest !== undefined) this.#leaveOut(queue, oldest[0]);
    }
    const sinceMs = this.#options.clock.monotonicMs();
    this.#order += 1;
    queue.waiting.set(key, { identity, run, changes, order: this.#order, sinceMs, crowded: 0 });
    this.#schedule(container, queue);
  }

  #queueOf(container: string): ContainerQueue {
    const known = this.#queues.get(container);
    if (known !== undefined) return known;
    const queue: ContainerQueue = {
      waiting: new Map(),
      newest: new Map(),
      askedMs: Number.NEGATIVE_INFINITY,
      failures: 0,
      isAsking: false,
      timer: undefined,
    };
    this.#evictIdle();
    this.#queues.set(container, queue);
    return queue;
  }

  #evictIdle(): void {
    const idle = [...this.#queues].filter(
      ([key, { waiting, isAsking }]) =>
        managerOf(key).user !== undefined && waiting.size === 0 && !isAsking,
    );
    const [oldest] = idle;
    if (idle.length >= MAX_IDLE_USERS && oldest !== undefined) this.#queues.delete(oldest[0]);
  }

  /** Forgets the systemds of a container. */
  #forget(container: string): void {
    for (const [key, queue] of this.#queues) {
      if (managerOf(key).id !== container) continue;
      for (const run of queue.waiting.keys()) this.#leaveOut(queue, run);
      queue.timer?.[Symbol.dispose]();
      this.#queues.delete(key);
    }
  }

  #leaveOut(queue: ContainerQueue, key: string): void {
    this.#options.dropped("journal_runs", queue.waiting.get(key)?.changes.length ?? 0);
    queue.waiting.delete(key);
  }

  #schedule(container: string, queue: ContainerQueue): void {
    if (queue.isAsking || queue.timer !== undefined || queue.waiting.size === 0) return;
    const { clock } = this.#options;
    const pauseMs = Math.min(INTERVAL_MS * 2 ** queue.failures, MAX_PAUSE_MS);
    const restMs = Math.max(GATHER_MS, queue.askedMs + pauseMs - clock.monotonicMs());
    queue.timer = clock.setTimeout(() => {
      queue.timer = undefined;
      this.#ready.push(container);
      this.#askNext();
    }, restMs);
  }

  #askNext(): void {
    while (this.#questions < MAX_QUESTIONS) {
      const container = this.#ready.shift();
      if (container === undefined) return;
      const queue = this.#queues.get(container);
      if (queue === undefined || queue.isAsking) continue;
      this.#questions += 1;
      queue.isAsking = true;
      void this.#ask(container, queue).finally(() => {
        this.#questions -= 1;
        queue.isAsking = false;
        if (this.#queues.get(container) === queue) this.#schedule(container, queue);
        this.#askNext();
      });
    }
  }

  async #ask(container: string, queue: ContainerQueue): Promise<void> {
    const { clock, linesOf, lines } = this.#options;
    const read = linesOf(container);
    queue.askedMs = clock.monotonicMs();
    const { asked, isExact } = takeNext(queue.waiting);
    const untilNs = isExact ? endOf(asked) : undefined;
    const times = asked.flatMap(({ changes }) => changes.map(({ timeNs }) => timeNs));
    const nowNs = clock.nowNs();
    const atNs = times.reduce((oldest, timeNs) => (timeNs < oldest ? timeNs : oldest), nowNs);
    try {
      if (read === undefined) throw new Error("its systemd isn't watched");
      const runs = asked.map(({ run }) => run);
      const answer = await read({ runs, lines, isExact, untilNs, atNs, signal: this.#end.signal });
      queue.failures = 0;
      for (const [at, waiting] of asked.entries()) {
        const each = answer[at];
        if (each !== undefined) this.#answered(queue, waiting, each);
      }
    } catch (error) {
      if (!this.#end.signal.aborted) this.#unread(container, queue, { asked, error });
    }
  }

  #answered(queue: ContainerQueue, waiting: WaitingRun, answer: RunLines): void {
    const key = keyOf(waiting.run);
    if (!answer.isComplete && waiting.crowded < MAX_CROWDED) {
      putBack(queue.waiting, { ...waiting, crowded: waiting.crowded + 1 });
      return;
    }
    const lines = newerThan(queue.newest.get(key), answer.lines);
    const last = lines.at(-1);
    if (last !== undefined) {
      queue.newest.delete(key);
      queue.newest.set(key, last);
      const [oldest = ""] = queue.newest.keys();
      if (queue.newest.size > MAX_REMEMBERED) queue.newest.delete(oldest);
    }
    const altered = lines.filter(({ isAltered }) => isAltered).length;
    if (altered > 0) this.#options.dropped("journal_entries", altered);
    const { identity, run, order, changes } = waiting;
    for (const [at, own] of byFailure(lines, Math.max(changes.length, 1)).entries()) {
      const change = changes[at];
      if (own.length > 0) this.#options.found({ identity, change, run, order, lines: own });
    }
  }

  #unread(
    container: string,
    queue: ContainerQueue,
    { asked, error }: { readonly asked: readonly WaitingRun[]; readonly error: unknown },
  ): void {
    const { clock, log, recordOf } = this.#options;
    const isFinal = (error as { readonly isFinal?: boolean }).isFinal === true;
    queue.failures += 1;
    log.limited("journal lines").info("last lines of failed unit unavailable", {
      ...logged(recordOf(container)?.identity ?? { name: container }),
      unit: asked[0]?.run.unit,
      err: asError(error),
    });
    const isGone = this.#queues.get(container) !== queue;
    for (const waiting of asked) {
      const isLate = clock.monotonicMs() - waiting.sinceMs > LIMIT_MS;
      if (isFinal || isLate || isGone) {
        this.#options.dropped("journal_runs", waiting.changes.length);
      } else putBack(queue.waiting, waiting);
    }
  }
}

function keyOf({ unit, invocationId }: JournalRun): string {
  return `${invocationId} ${unit}`;
}

/**
 * Removes the runs of the next question: one that needs the room for itself; or those that need the room
 * that lines without a run take, as all do in a flood; or the oldest ones.
 */
function takeNext(waiting: Map<string, WaitingRun>): {
  readonly asked: readonly WaitingRun[];
  readonly isExact: boolean;
} {
  const all = [...waiting.values()];
  const alone = all.find(({ crowded }) => crowded === MAX_CROWDED);
  const crowded = all.filter((run) => run.crowded > 0);
  const group = crowded.length > 0 ? crowded : all;
  const asked = alone === undefined ? group.slice(0, MAX_RUNS) : [alone];
  for (const { run } of asked) waiting.delete(keyOf(run));
  return { asked, isExact: crowded.length > 0 || all.length > MAX_RUNS };
}

/** Returns when the last of the runs has ended, and its lines are written; undefined if one isn't known. */
function endOf(asked: readonly WaitingRun[]): bigint | undefined {
  const ends = asked.map(({ changes }) => changes.at(-1)?.timeNs ?? 0n);
  if (ends.includes(0n)) return undefined;
  return ends.reduce((newest, timeNs) => (timeNs > newest ? timeNs : newest), 0n) + LATE_NS;
}

/** Adds a run that wasn't answered, before those that failed since. */
function putBack(waiting: Map<string, WaitingRun>, run: WaitingRun): void {
  const key = keyOf(run.run);
  const since = waiting.get(key);
  const others = [...waiting].filter(([other]) => other !== key);
  waiting.clear();
  waiting.set(key, { ...run, changes: [...run.changes, ...(since?.changes ?? [])] });
  for (const [other, each] of others) waiting.set(other, each);
}

/** Returns the lines that an earlier failure of the run didn't have. */
function newerThan(
  last: { readonly timeNs: bigint; readonly cursor: string } | undefined,
  lines: readonly JournalLine[],
): readonly JournalLine[] {
  if (last === undefined) return lines;
  const at = lines.findLastIndex(
    ({ cursor, timeNs }) => cursor === last.cursor || timeNs < last.timeNs,
  );
  return lines.slice(at + 1);
}

/** Divides the lines among the failures of one run: each ends with systemd's own line about it. */
function byFailure(lines: readonly JournalLine[], failures: number): readonly JournalLine[][] {
  const divided = Array.from({ length: failures }, (): JournalLine[] => []);
  let at = failures - 1;
  let isEnded = false;
  for (const line of lines.toReversed()) {
    if (line.isFailure && isEnded) at = Math.max(at - 1, 0);
    isEnded ||= line.isFailure;
    divided[at]?.push(line);
  }
  return divided.map((own) => own.toReversed());
}
