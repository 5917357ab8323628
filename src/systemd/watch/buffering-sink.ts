import type {
  JournalEntry,
  ManagerFacts,
  ServiceSignal,
  SystemdSink,
  SystemdTransport,
  UnitSignal,
} from "../../domain/systemd.ts";
import type { UnitRow } from "../../domain/unit.ts";

export interface BufferingSinkOptions extends SystemdSink {
  /** After it nothing is passed on: what still comes is of a container that has died. */
  readonly signal: AbortSignal;
  /** More is held than there is room for: the stream is to be ended. */
  readonly overflow: () => void;
}

/** A storm of a second or two, while the journal is read. */
const MAX_HELD = 50_000;

/**
 * Passes on what a source tells, in order. Between `attached` and `recovered`, where the journal
 * has to tell first what happened before, it holds back what comes.
 */
export class BufferingSink implements SystemdSink {
  readonly #next: BufferingSinkOptions;
  #held: (() => void)[] | undefined;
  /** Attaches for which the journal hasn't told yet. */
  #awaited = 0;

  constructor(next: BufferingSinkOptions) {
    this.#next = next;
  }

  attached(transport: SystemdTransport, atNs: bigint): bigint | undefined {
    if (this.#next.signal.aborted) return undefined;
    const sinceNs = this.#next.attached(transport, atNs);
    this.#held ??= [];
    this.#awaited += 1;
    return sinceNs;
  }

  recovered(entries: readonly JournalEntry[] | undefined): void {
    if (this.#next.signal.aborted) return;
    this.#next.recovered(entries);
    this.#awaited -= 1;
    if (this.#awaited > 0) return;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const tell of held) tell();
  }

  snapshot(rows: readonly UnitRow[], asOfNs: bigint): readonly string[] {
    return this.#next.signal.aborted ? [] : this.#next.snapshot(rows, asOfNs);
  }

  startTime(unit: string, timeNs: bigint): void {
    if (!this.#next.signal.aborted) this.#next.startTime(unit, timeNs);
  }

  loaded(rows: readonly UnitRow[]): void {
    if (this.#passes(() => this.#next.loaded(rows))) this.#next.loaded(rows);
  }

  unit(signal: UnitSignal): void {
    if (this.#held === undefined) {
      if (!this.#next.signal.aborted) this.#next.unit(signal);
      return;
    }
    const copy = { ...signal };
    this.#passes(() => this.#next.unit(copy));
  }

  service(signal: ServiceSignal): void {
    if (this.#held === undefined) {
      if (!this.#next.signal.aborted) this.#next.service(signal);
      return;
    }
    const copy = { ...signal };
    this.#passes(() => this.#next.service(copy));
  }

  removed(unit: string, timeNs: bigint): void {
    if (this.#passes(() => this.#next.removed(unit, timeNs))) this.#next.removed(unit, timeNs);
  }

  manager(facts: ManagerFacts): void {
    if (this.#passes(() => this.#next.manager(facts))) this.#next.manager(facts);
  }

  parseError(): void {
    this.#next.parseError();
  }

  /** True where it is to be told now; else it is held, or no longer wanted. */
  #passes(later: () => void): boolean {
    if (this.#next.signal.aborted) return false;
    if (this.#held === undefined) return true;
    if (this.#held.length < MAX_HELD) this.#held.push(later);
    else this.#next.overflow();
    return false;
  }
}
