import type { Counting, LabelSet } from "../domain/label-set.ts";
import type { OtelDescription } from "./metric.ts";

/** Whose series it is: labels, and one more that the metric adds to them. */
export interface SeriesLabels {
  readonly labels: LabelSet;
  readonly extraName?: string | undefined;
  readonly extraValue?: string | undefined;
}

/** One counter as it stands now. */
export interface CounterReading {
  /** What it counts of; the same object from reading to reading. */
  readonly counting: Counting;
  /** Which of the counters of `counting` it is. */
  readonly key: string;
  readonly metric: OtelDescription;
  readonly series: SeriesLabels;
  readonly value: number;
  readonly isDelta: boolean;
}

/** What is to be told of a counter, and whom to tell once somebody took it. */
export interface CounterPoint {
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly value: number;
  readonly accepted: () => void;
}

/** A counter that ended before all of it was taken. */
export interface PendingCounter {
  readonly reading: CounterReading;
  readonly point: CounterPoint;
}

/** Counters that ended with something untaken are kept up to so many. */
const MAX_PENDING = 10_000;

interface Counted {
  reading: CounterReading;
  readNs: bigint;
  round: number;
  /** Where its stream begins: what was counted before belongs to an earlier one. */
  startNs: bigint;
  base: number;
  /** What the receiver has, and as of when. */
  takenValue: number;
  takenNs: bigint | undefined;
}

/**
 * Keeps of every counter what the receiver has of it: so a stream begins where the one before it
 * under another identity ended, and a delta is never lost, nor told twice.
 */
export class CounterLedger {
  readonly #sinceNs: bigint;
  readonly #byCounting = new Map<Counting, Map<string, Counted>>();
  #round = 0;

  /** @param sinceNs when that began of which nobody kept it: Unix nanoseconds */
  constructor(sinceNs: bigint) {
    this.#sinceNs = sinceNs;
  }

  /** A new round begins: each counter that there is will be read in it once. */
  begin(): void {
    this.#round += 1;
  }

  read(reading: CounterReading, nowNs: bigint): CounterPoint {
    const counted = this.#obtain(reading);
    const { reading: before } = counted;
    if (!isSameStream(before.series.labels, reading.series.labels)) {
      counted.base = counted.takenValue;
      counted.startNs = counted.takenNs ?? counted.startNs;
    }
    if (reading.value < before.value) {
      counted.base = 0;
      counted.startNs = counted.readNs;
      counted.takenValue = 0;
      counted.takenNs = undefined;
    }
    counted.reading = reading;
    counted.readNs = nowNs;
    counted.round = this.#round;
    return pointOf(counted);
  }

  /**
   * The round is over: forgets the counters that there are no longer. Of those that are told as
   * deltas, what nobody took is given back, to be told once more.
   *
   * @param refused told of a counter for which there was no room any more
   */
  end(refused: () => void): PendingCounter[] {
    const pending: PendingCounter[] = [];
    for (const [counting, counters] of this.#byCounting) {
      for (const [key, counted] of counters) {
        if (counted.round === this.#round) continue;
        const { reading, takenValue } = counted;
        const { value, isDelta, metric } = reading;
        const isPending = isDelta && metric.otel.kind === "counter" && value > takenValue;
        if (isPending && pending.length < MAX_PENDING) {
          pending.push({ reading, point: pointOf(counted) });
          continue;
        }
        if (isPending) refused();
        counters.delete(key);
      }
      if (counters.size === 0) this.#byCounting.delete(counting);
    }
    return pending;
  }

  #obtain(reading: CounterReading): Counted {
    const { counting, key } = reading;
    let counters = this.#byCounting.get(counting);
    if (counters === undefined) {
      counters = new Map();
      this.#byCounting.set(counting, counters);
    }
    let counted = counters.get(key);
    if (counted === undefined) {
      const startNs = counting.sinceNs > 0n ? counting.sinceNs : this.#sinceNs;
      counted = {
        reading,
        readNs: startNs,
        round: this.#round,
        startNs,
        base: 0,
        takenValue: 0,
        takenNs: undefined,
      };
      counters.set(key, counted);
    }
    return counted;
  }
}

function isSameStream(a: LabelSet, b: LabelSet): boolean {
  if (a === b) return true;
  return a.origin?.containerId === b.origin?.containerId && a.text === b.text;
}

function pointOf(counted: Counted): CounterPoint {
  const { reading, readNs, startNs, base, takenValue, takenNs } = counted;
  const { value, isDelta } = reading;
  const beginNs = isDelta ? (takenNs ?? startNs) : startNs;
  return {
    // Our clock may have been set back.
    startNs: beginNs < readNs ? beginNs : readNs,
    endNs: readNs,
    value: value - (isDelta ? takenValue : base),
    accepted() {
      counted.takenValue = value;
      counted.takenNs = readNs;
    },
  };
}
