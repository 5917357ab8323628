import type { Attributes } from "@opentelemetry/api";
import type { Registry } from "prom-client";
import type { Clock } from "../domain/clock.ts";
import type { LabelSet } from "../domain/label-set.ts";
import type { Fleet } from "../state/fleet.ts";
import { CounterLedger } from "./counter-ledger.ts";
import type { CounterPoint, SeriesLabels } from "./counter-ledger.ts";
import type { OtelDescription, StateMetric, VisitSample } from "./metric.ts";
import { attributesOf, sharedAttributes } from "./otel-attributes.ts";
import { readRegistry } from "./otel-registry.ts";
import type { RegistrySeries } from "./otel-registry.ts";
import { SliceBuilder } from "./slice-builder.ts";
import type { MetricSlice } from "./slice-builder.ts";

export interface OtelCollectorOptions {
  readonly fleet: Fleet;
  readonly metrics: readonly StateMetric[];
  /** Brings what the state has up to date, where no event does. Default: nothing. */
  readonly refresh?: () => Promise<void>;
  /** unitwatch's own metrics. */
  readonly own: Registry;
  readonly temporality: "cumulative" | "delta" | "lowmemory";
  readonly clock: Pick<Clock, "nowNs">;
  /** Called when a counter ends of which a part is lost, for lack of room to keep it. */
  readonly lost: () => void;
}

/** Points of a slice, without those of its last step: some milliseconds of work. */
const SLICE_POINTS = 500;
/** Steps after which the collector yields, with or without points. */
const SLICE_STEPS = 1_000;

/** Collects all metrics in OpenTelemetry's data model. One collection at a time. */
export class OtelCollector {
  readonly #options: OtelCollectorOptions;
  readonly #ledger: CounterLedger;
  /** Stands for the process, in counters that belong to no container. */
  readonly #own: { readonly sinceNs: bigint };
  readonly #slice = new SliceBuilder();
  #nowNs: bigint;

  constructor(options: OtelCollectorOptions) {
    this.#options = options;
    this.#nowNs = options.clock.nowNs();
    this.#own = { sinceNs: this.#nowNs };
    this.#ledger = new CounterLedger(this.#nowNs);
  }

  /** Yields all metrics in slices of one moment each, which may be empty. Other work may run between. */
  async *collect(): AsyncGenerator<MetricSlice, void, void> {
    this.#slice.cut();
    await this.#options.refresh?.();
    this.#ledger.begin();
    this.#nowNs = this.#options.clock.nowNs();
    for (const _ of this.#readState()) {
      yield this.#slice.cut();
      this.#nowNs = this.#options.clock.nowNs();
    }
    for (const series of await readRegistry(this.#options.own)) this.#addOwn(series);
    yield this.#slice.cut();
    for (const { reading, point } of this.#ledger.end(this.#options.lost)) {
      const { metric, series, isDelta } = reading;
      const attributes = attributesOf(metric.otel, series);
      this.#slice.number(metric, isDelta, { ...point, attributes });
      if (this.#slice.points >= SLICE_POINTS) yield this.#slice.cut();
    }
    yield this.#slice.cut();
  }

  /** Yields where a slice ends. */
  *#readState(): Generator<void, void, void> {
    let steps = 0;
    for (const metric of this.#options.metrics) {
      for (const _ of metric.read(this.#options.fleet, this.#visitorOf(metric))) {
        steps += 1;
        if (this.#slice.points < SLICE_POINTS && steps < SLICE_STEPS) continue;
        steps = 0;
        yield;
      }
    }
  }

  #visitorOf(metric: StateMetric): VisitSample {
    let lastLabels: LabelSet | undefined;
    let shared: Attributes = {};
    return (labels, value, extraName, extraValue) => {
      if (labels !== lastLabels) {
        lastLabels = labels;
        shared = sharedAttributes(metric.otel, labels);
      }
      const series = { labels, extraName, extraValue };
      this.#addNumber(metric, {
        series,
        value,
        attributes: attributesOf(metric.otel, series, shared),
      });
    };
  }

  #addOwn({ metric, labels, value, buckets }: RegistrySeries): void {
    const attributes = sharedAttributes(metric.otel, labels);
    if (metric.otel.kind !== "histogram") {
      this.#addNumber(metric, { series: { labels }, value, attributes });
      return;
    }
    const isDelta = this.#options.temporality !== "cumulative";
    const part = (which: string, value: number): CounterPoint =>
      this.#count(metric, { series: { labels, extraValue: which }, value, isDelta });
    const sum = part("sum", value);
    const upTo = buckets.map(([le, count]) => part(`le ${le}`, count));
    const counts = upTo.map((point, at) => point.value - (upTo[at - 1]?.value ?? 0));
    const boundaries = buckets.map(([le]) => le).filter((le) => le !== Number.POSITIVE_INFINITY);
    this.#slice.histogram(metric, isDelta, {
      startNs: sum.startNs,
      endNs: sum.endNs,
      attributes,
      value: { sum: sum.value, count: upTo.at(-1)?.value ?? 0, buckets: { boundaries, counts } },
      accepted() {
        for (const point of [sum, ...upTo]) point.accepted();
      },
    });
  }

  #addNumber(
    metric: OtelDescription,
    sample: {
      readonly series: SeriesLabels;
      readonly value: number;
      readonly attributes: Attributes;
    },
  ): void {
    const { series, attributes } = sample;
    const { factor } = metric.otel;
    const value = factor === undefined ? sample.value : Math.round(sample.value * factor);
    if (metric.otel.kind === "counter") {
      const isDelta = this.#options.temporality === "delta";
      const point = this.#count(metric, { series, value, isDelta });
      this.#slice.number(metric, isDelta, { ...point, attributes });
      return;
    }
    const startNs = metric.otel.kind === "gauge" ? 0n : this.#startOf(series.labels);
    this.#slice.number(metric, false, { startNs, endNs: this.#nowNs, attributes, value });
  }

  #count(
    metric: OtelDescription,
    reading: { readonly series: SeriesLabels; readonly value: number; readonly isDelta: boolean },
  ): CounterPoint {
    const { labels, extraValue } = reading.series;
    // `counting` implies the labels of containers, but not those of own counters.
    const which = labels.origin === undefined ? labels.text : "";
    const counting = labels.origin?.counting ?? this.#own;
    const key = `${metric.otel.name} ${which} ${extraValue ?? ""}`;
    return this.#ledger.read({ ...reading, metric, counting, key }, this.#nowNs);
  }

  /** Returns the start of a state's series: since its container, or its unit, is watched. */
  #startOf({ origin }: LabelSet): bigint {
    const sinceNs = origin?.counting.sinceNs ?? 0n;
    const startNs = sinceNs > 0n ? sinceNs : this.#own.sinceNs;
    return startNs < this.#nowNs ? startNs : this.#nowNs;
  }
}
