import { expect, test } from "@jest/globals";
import type { Counting } from "../../src/domain/label-set.ts";
import { LabelSet } from "../../src/domain/label-set.ts";
import { CounterLedger } from "../../src/metrics/counter-ledger.ts";
import type { CounterPoint } from "../../src/metrics/counter-ledger.ts";

const METRIC = { help: "", otel: { name: "a", unit: "1", kind: "counter" } } as const;
const COUNTING: Counting = { sinceNs: 100n };
const BEGIN_NS = 50n;

function labelsOf(containerId: string, name = "c", counting = COUNTING): LabelSet {
  return new LabelSet([["container", name]], { containerId, counting });
}

interface Rig {
  /** A round with this one counter. */
  readonly read: (value: number, nowNs: bigint, labels?: LabelSet) => CounterPoint;
  /** A round without any. */
  readonly readNothing: () => {
    readonly points: readonly CounterPoint[];
    readonly refused: number;
  };
}

function rigFor(temporality: "cumulative" | "delta"): Rig {
  const ledger = new CounterLedger(BEGIN_NS);
  const isDelta = temporality === "delta";
  const first = labelsOf("1");
  const end = (): { points: CounterPoint[]; refused: number } => {
    let refused = 0;
    const pending = ledger.end(() => (refused += 1));
    return { points: pending.map(({ point }) => point), refused };
  };
  return {
    read(value, nowNs, labels = first) {
      ledger.begin();
      const counting = labels.origin?.counting ?? COUNTING;
      const reading = { counting, key: "a", metric: METRIC, series: { labels }, value, isDelta };
      const point = ledger.read(reading, nowNs);
      end();
      return point;
    },
    readNothing() {
      ledger.begin();
      return end();
    },
  };
}

const facts = ({ startNs, endNs, value }: CounterPoint): unknown => [startNs, endNs, value];

test("starts a cumulative counter when counting began, whatever was accepted", () => {
  const { read } = rigFor("cumulative");
  read(3, 1_000n).accepted();
  read(4, 2_000n);
  expect(facts(read(9, 3_000n))).toEqual([100n, 3_000n, 9]);
});

test("starts a counter at the ledger's start when the start of counting is unknown", () => {
  const { read } = rigFor("cumulative");
  const point = read(1, 1_000n, labelsOf("1", "c", { sinceNs: 0n }));
  expect(point.startNs).toBe(BEGIN_NS);
});

test("returns as delta the count since the last accepted one", () => {
  const { read } = rigFor("delta");
  const first = read(3, 1_000n);
  expect(facts(first)).toEqual([100n, 1_000n, 3]);
  first.accepted();
  expect(facts(read(5, 2_000n))).toEqual([1_000n, 2_000n, 2]);
  const third = read(6, 3_000n);
  expect(facts(third)).toEqual([1_000n, 3_000n, 3]);
  third.accepted();
  expect(facts(read(6, 4_000n))).toEqual([3_000n, 4_000n, 0]);
});

test("starts a stream for a re-created container, with the rest of the previous one", () => {
  const { read } = rigFor("cumulative");
  read(3, 1_000n).accepted();
  read(4, 2_000n);
  const other = labelsOf("2");
  expect(facts(read(5, 3_000n, other))).toEqual([1_000n, 3_000n, 2]);
  expect(facts(read(7, 4_000n, other))).toEqual([1_000n, 4_000n, 4]);
});

test("starts a stream for a renamed container, but not for equal labels", () => {
  const { read } = rigFor("cumulative");
  read(3, 1_000n).accepted();
  expect(facts(read(4, 2_000n, labelsOf("1")))).toEqual([100n, 2_000n, 4]);
  expect(facts(read(4, 3_000n, labelsOf("1", "renamed")))).toEqual([1_000n, 3_000n, 1]);
});

test("passes the unexported rest on to another identity as a delta", () => {
  const { read } = rigFor("delta");
  read(3, 1_000n).accepted();
  expect(facts(read(5, 2_000n, labelsOf("2")))).toEqual([1_000n, 2_000n, 2]);
});

test.each(["cumulative", "delta"] as const)("starts again when the count does, %s", (kind) => {
  const { read } = rigFor(kind);
  read(3, 1_000n).accepted();
  read(5, 2_000n);
  expect(facts(read(1, 3_000n))).toEqual([2_000n, 3_000n, 1]);
});

test("exports nothing of an ended cumulative counter", () => {
  const { read, readNothing } = rigFor("cumulative");
  read(3, 1_000n);
  expect(readNothing()).toEqual({ points: [], refused: 0 });
});

test("exports the rest of an ended delta until it is accepted", () => {
  const { read, readNothing } = rigFor("delta");
  read(3, 1_000n).accepted();
  read(5, 2_000n);
  expect(readNothing().points.map(facts)).toEqual([[1_000n, 2_000n, 2]]);
  const [again] = readNothing().points;
  expect(again && facts(again)).toEqual([1_000n, 2_000n, 2]);
  again?.accepted();
  expect(readNothing().points).toEqual([]);
});

test("keeps ended counters up to a bound, and reports those beyond it", () => {
  const ledger = new CounterLedger(BEGIN_NS);
  ledger.begin();
  for (let i = 0; i < 10_003; i += 1) {
    const counting = { sinceNs: 1n };
    const series = { labels: labelsOf(String(i), "c", counting) };
    ledger.read({ counting, key: "a", metric: METRIC, series, value: 1, isDelta: true }, 2n);
  }
  expect(ledger.end(() => {})).toEqual([]);
  let refused = 0;
  ledger.begin();
  expect(ledger.end(() => (refused += 1))).toHaveLength(10_000);
  expect(refused).toBe(3);
});

test("ends no stream before its start when the clock is set back", () => {
  const { read } = rigFor("delta");
  read(3, 1_000n).accepted();
  expect(facts(read(5, 900n))).toEqual([900n, 900n, 2]);
});
