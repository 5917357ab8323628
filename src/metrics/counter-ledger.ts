import type { Counting, LabelSet } from "../domain/label-set.ts";
import type { OtelDescription } from "./metric.ts";

/** Labels of a series, and one more that the metric adds. */
export interface SeriesLabels {
  readonly labels: LabelSet;
  readonly extraName?: string | undefined;
  readonly extraValue?: string | undefined;
}

/** Current value of one counter. */
export interface CounterReading {
  /** Counted thing; the same object in each reading. */
  readonly counting: Counting;
  /** Name of the counter among those of `counting`. */
  readonly key: string;
  readonly metric: OtelDescription;
  readonly series: SeriesLabels;
  readonly value: number;
  readonly isDelta: boolean;
}

/** Value to export of a counter, and the callback for its acknowledgement. */
export interface CounterPoint {
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly value: number;
  readonly accepted: () => void;
}

/** A counter that ended before all of it was acknowledged. */
export interface PendingCounter {
  readonly reading: CounterReading;
  readonly point: CounterPoint;
}

/** Ended counters with an unacknowledged rest that are kept. */
const MAX_PENDING = 10_000;

interface Counted {
  reading: CounterReading;
  readNs: bigint;
  round: number;
  /** Value at which its stream begins: the count before belongs to an earlier stream. */
  startNs: bigint;
  base: number;
  /** Value that the receiver has, and its time. */
  acceptedValue: number;
  acceptedNs: bigint | undefined;
}

/**
 * Keeps for every counter the value that the receiver has. So a stream begins where the previous one
 * under another identity ended, and a delta is neither lost nor exported twice.
 */
export class CounterLedger {
  readonly #sinceNs: bigint;
  readonly #byCounting = new Map<Counting, Map<string, Counted>>();
  #round = 0;

  /** @param sinceNs start of streams without a known start: Unix nanoseconds */
  constructor(sinceNs: bigint) {
    this.#sinceNs = sinceNs;
  }

  /** Begins a round, in which each existing counter is read once. */
  begin(): void {
    this.#round += 1;
  }

  read(reading: CounterReading, nowNs: bigint): CounterPoint {
    const counted = this.#obtain(reading);
    const { reading: before } = counted;
    if (!isSameStream(before.series.labels, reading.series.labels)) {
      counted.base = counted.acceptedValue;
      counted.startNs = counted.acceptedNs ?? counted.startNs;
    }
    if (reading.value < before.value) {
      counted.base = 0;
      counted.startNs = counted.readNs;
      counted.acceptedValue = 0;
      counted.acceptedNs = undefined;
    }
    counted.reading = reading;
    counted.readNs = nowNs;
    counted.round = this.#round;
    return pointOf(counted);
  }

  /**
   * Ends the round: evicts the counters that no longer exist. Returns the unacknowledged rest of
   * those that are exported as deltas, to be exported again.
   *
   * @param refused called with a counter for which there is no room
   */
  end(refused: () => void): PendingCounter[] {
    const pending: PendingCounter[] = [];
    for (const [counting, counters] of this.#byCounting) {
      for (const [key, counted] of counters) {
        if (counted.round === this.#round) continue;
        const { reading, acceptedValue } = counted;
        const { value, isDelta, metric } = reading;
        const isPending = isDelta && metric.otel.kind === "counter" && value > acceptedValue;
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
        acceptedValue: 0,
        acceptedNs: undefined,
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
  const { reading, readNs, startNs, base, acceptedValue, acceptedNs } = counted;
  const { value, isDelta } = reading;
  const beginNs = isDelta ? (acceptedNs ?? startNs) : startNs;
  return {
    // The clock may have been set back.
    startNs: beginNs < readNs ? beginNs : readNs,
    endNs: readNs,
    value: value - (isDelta ? acceptedValue : base),
    accepted() {
      counted.acceptedValue = value;
      counted.acceptedNs = readNs;
    },
  };
}
