import type { Change } from "../../../src/domain/change.ts";
import type { ServiceEvidence } from "../../../src/domain/systemd.ts";
import type { UnitRow } from "../../../src/domain/unit.ts";
import type { SystemdState } from "../../../src/state/units/systemd-state.ts";
import { BufferingSink } from "../../../src/systemd/watch/buffering-sink.ts";
import type { Random } from "../../systemd/dbus/support/mutate.ts";
import { recordedState } from "./recorded-state.ts";
import type { LifeStep } from "./unit-life.ts";

const MS = 1_000_000n;
/** From sending to receiving. */
const LATENCY_NS = 2n * MS;

export interface CutStreamOptions {
  /** False for a container without a journal. Default true. */
  readonly hasJournal?: boolean;
  /** Units whose lines LogLevelMax= keeps out of the journal. Default none. */
  readonly unlogged?: readonly string[];
  /** Time before each attach whose lines the journal loses, and some after it, in ms: journald is stopped. Default 0. */
  readonly lostMs?: number;
  /** Lines that the journal loses, in percent, each by itself. Default 0. */
  readonly lostPercent?: number;
}

/** Plays the steps of units to a {@link SystemdState}, over a stream that is cut now and then. */
export class CutStream {
  readonly state: SystemdState;
  readonly changes: readonly Change[];
  readonly #steps: readonly LifeStep[];
  readonly #random: Random;
  readonly #options: CutStreamOptions;
  readonly #rows = new Map<string, UnitRow>();
  readonly #lostSpans: (readonly [fromNs: bigint, untilNs: bigint])[] = [];
  #sink: BufferingSink | undefined;
  #at = 0;
  #isListed = false;
  /** When it was attached first, or from when on all was to be counted. */
  baselineNs = 0n;

  constructor(steps: readonly LifeStep[], random: Random, options: CutStreamOptions = {}) {
    this.#options = options;
    const { state, changes } = recordedState();
    this.state = state;
    this.changes = changes;
    this.#steps = steps;
    this.#random = random;
  }

  /** True if services are queried after a gap, since the journal is silent about some. */
  get hasEvidence(): boolean {
    const { hasJournal = true, unlogged = [], lostMs = 0, lostPercent = 0 } = this.#options;
    return !hasJournal || unlogged.length > 0 || lostMs > 0 || lostPercent > 0;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#steps.length;
  }

  /** Counts all from `timeNs` on, though no stream is open yet. */
  coverFrom(timeNs: bigint): void {
    this.baselineNs = timeNs;
    this.state.journalCursor.from(timeNs);
  }

  /** Lets time go on without a stream, until `untilNs`. */
  miss(untilNs: bigint): void {
    this.#play(untilNs);
  }

  /** Opens a stream; it may break before it is established, and is then opened again. */
  attach(nowNs: bigint): bigint {
    const { hasJournal = true, unlogged = [], lostMs = 0, lostPercent = 0 } = this.#options;
    // Without lines of the journal nothing is known before the first listing.
    const breaks = this.hasEvidence && !this.#isListed ? 5 : this.#random.below(6);
    const sink = new BufferingSink({
      take: (message) => this.state.take(message),
      signal: new AbortController().signal,
      overflow: () => {},
    });
    const reply = sink.take({ kind: "attached", transport: "dbus", atNs: nowNs });
    const sinceNs = reply?.journalSinceNs;
    if (sinceNs === undefined) this.baselineNs = nowNs;
    const readingMs = sinceNs === undefined ? 0 : 50 + this.#random.below(4_000);
    const journalNs = nowNs + BigInt(readingMs) * MS;
    if (lostMs > 0 && this.#isListed) {
      const untilNs = nowNs + BigInt(this.#random.below(readingMs + 1)) * MS;
      this.#lostSpans.push([nowNs - BigInt(lostMs) * MS, untilNs]);
    }
    const listedNs = this.#listingNs(journalNs, journalNs + BigInt(this.#random.below(20)) * MS);
    this.#sink = sink;
    if (this.hasEvidence) {
      this.#play(nowNs + BigInt(this.#random.below(readingMs + 1)) * MS);
      this.#sendEvidence(sink, reply?.evidenceOf ?? new Map());
    }
    // The stream may end while the journal is still read, which then has more than the stream.
    const endNs = nowNs + BigInt(this.#random.below(readingMs + 1)) * MS;
    this.#play(breaks === 2 ? endNs : journalNs);
    if (breaks === 2) this.#sink = undefined;
    this.#play(journalNs);
    if (breaks === 0) return this.cut(journalNs);
    const entries = this.#steps
      .slice(0, this.#at)
      .flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
    const isLost = (): boolean => lostPercent > 0 && this.#random.below(100) < lostPercent;
    const read = entries.filter(
      ({ timeNs, unit }) =>
        sinceNs !== undefined &&
        timeNs >= sinceNs &&
        !unlogged.includes(unit) &&
        !this.#lostSpans.some(([fromNs, untilNs]) => timeNs >= fromNs && timeNs < untilNs) &&
        !isLost(),
    );
    const closed = sink.take({ kind: "recovered", entries: hasJournal ? read : undefined });
    this.#play(listedNs);
    if (breaks === 2) return this.cut(listedNs);
    for (const [unit, knownNs] of closed?.evidenceOf ?? []) {
      const evidence = this.#evidenceOf(unit);
      if (evidence === undefined || evidence.stateChangeNs === knownNs) continue;
      const timeNs = evidence.timeNs + LATENCY_NS;
      sink.take({ ...evidence, isAfterSignals: true, timeNs });
    }
    if (breaks === 1 || breaks === 2) return this.cut(listedNs);
    this.list(listedNs);
    return listedNs;
  }

  /** Units are listed. */
  list(nowNs: bigint): void {
    this.#isListed = true;
    const rows = [...this.#rows.values()];
    const reply = this.#sink?.take({ kind: "listed", rows, asOfNs: nowNs });
    for (const unit of reply?.restartCountsOf ?? []) {
      const { restarts = 0, policy, restartDelayNs = 0n } = this.#evidenceOf(unit) ?? {};
      this.#sink?.take({ kind: "restart-count", unit, restarts, policy, restartDelayNs });
    }
    for (const unit of reply?.startTimesOf ?? []) {
      const past = this.#steps
        .slice(0, this.#at)
        .findLast(({ signals }) => signals?.unit.unit === unit);
      if (past?.signals !== undefined)
        this.#sink?.take({
          kind: "start-time",
          unit: unit,
          timeNs: past.signals.unit.activeEnterNs,
        });
    }
  }

  /** Signals come in, until `untilNs`. */
  listen(untilNs: bigint): void {
    this.#play(untilNs);
  }

  cut(nowNs: bigint): bigint {
    this.#sink = undefined;
    this.state.lost();
    return nowNs;
  }

  /**
   * Returns when units are listed, after the journal was read. NRestarts of 1 shows no restart if it
   * was 1 before the gap, so no restart may fall in between; nor any before the first listing.
   */
  #listingNs(journalNs: bigint, latestNs: bigint): bigint {
    const isBetween = ({ atNs }: LifeStep): boolean => atNs > journalNs && atNs <= latestNs;
    const between = this.#steps.filter(isBetween);
    const isQuiet = between.every(({ entry }) => entry?.kind !== "restart");
    return this.#isListed && isQuiet ? latestNs : journalNs;
  }

  /** As the session does: of services that the journal is silent about. */
  #sendEvidence(sink: BufferingSink, services: ReadonlyMap<string, bigint>): void {
    const { hasJournal = true, unlogged = [] } = this.#options;
    for (const [unit, knownNs] of services) {
      if (hasJournal && !unlogged.includes(unit)) continue;
      const evidence = this.#evidenceOf(unit);
      if (evidence === undefined || evidence.stateChangeNs === knownNs) continue;
      sink.take({ ...evidence, timeNs: evidence.timeNs + LATENCY_NS });
    }
  }

  #evidenceOf(unit: string): ServiceEvidence | undefined {
    return this.#steps.slice(0, this.#at).findLast(({ row }) => row.name === unit)?.evidence;
  }

  #play(untilNs: bigint): void {
    for (let step = this.#steps[this.#at]; step !== undefined; step = this.#steps[this.#at]) {
      if (step.atNs > untilNs) return;
      this.#at += 1;
      this.#rows.set(step.row.name, step.row);
      if (step.signals === undefined || this.#sink === undefined) continue;
      const timeNs = step.atNs + LATENCY_NS;
      this.#sink.take({ ...step.signals.service, timeNs });
      this.#sink.take({ ...step.signals.unit, timeNs });
    }
  }
}
