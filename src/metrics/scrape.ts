import { setImmediate as nextTurn } from "node:timers/promises";
import type { Registry } from "prom-client";
import { LabelSet } from "../domain/label-set.ts";
import type { Fleet } from "../state/fleet.ts";
import type { ExpositionFormat } from "./exposition.ts";
import { CONTENT_TYPES, ExpositionWriter } from "./exposition.ts";
import type { Rendered } from "./line-copier.ts";
import type { MetricType, StateMetric } from "./metric.ts";

/** Time that a scrape may occupy the event loop at once, in milliseconds. */
const SLICE_MS = 5;

export interface Scrape {
  readonly contentType: string;
  /** Invalid after `release`. */
  readonly body: Buffer;
  /** Returns the body's memory for the next scrape. Call it at most once. */
  release(): void;
}

/** Buffers kept for later scrapes, beside that of the last rendering. */
const MAX_BUFFERS = 1;
/** Own counters count since the process started. */
const PROCESS_START = "process_start_time_seconds";
const MARGIN_OVER_LAST = 1.1;
/** A buffer larger than this, and by this factor than the body, is freed: there were more series once. */
const MAX_SLACK = 8;
const SMALL_BYTES = 1024 * 1024;

/** A rendering in memory. */
interface HeldRendering extends Rendered {
  readonly format: ExpositionFormat;
  /** Those that need its bytes: the response, and the next rendering. */
  users: number;
}

/** Renders all metrics: those read from the state, then unitwatch's own. */
export class Scraper {
  readonly #fleet: Fleet;
  readonly #metrics: readonly StateMetric[];
  readonly #own: Registry;
  #samples = 0;
  #lastBytes = 0;
  /** The last rendering, which the next one in its format copies from; undefined while one does. */
  #last: HeldRendering | undefined;
  /** Memory for bodies of megabytes, which would pile up until the garbage collector runs. */
  readonly #buffers: Buffer[] = [];

  constructor(fleet: Fleet, metrics: readonly StateMetric[], own: Registry) {
    this.#fleet = fleet;
    this.#metrics = metrics;
    this.#own = own;
  }

  /** Samples that the last scrape read from the state. */
  get samples(): number {
    return this.#samples;
  }

  async scrape(format: ExpositionFormat): Promise<Scrape> {
    const last = this.#last;
    this.#last = undefined;
    const writer = new ExpositionWriter(format, {
      memory: this.#buffers.pop() ?? this.#allocate(),
      last: last?.format === format ? last : undefined,
    });
    let sliceEnd = performance.now() + SLICE_MS;
    for (const metric of this.#metrics) {
      writer.family(metric);
      for (const _ of metric.read(this.#fleet, writer.sample)) {
        if (performance.now() < sliceEnd) continue;
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      }
    }
    this.#samples = writer.samples;
    await this.#writeOwn(writer);
    const rendered: HeldRendering = { ...writer.end(), format, users: 2 };
    const { bytes: body } = rendered;
    this.#lastBytes = body.length;
    // Another scrape may have ended meanwhile.
    for (const each of [last, this.#last]) if (each !== undefined) this.#release(each);
    this.#last = rendered;
    return { contentType: CONTENT_TYPES[format], body, release: () => this.#release(rendered) };
  }

  /** Allocates as much as the last body took, and some more: growing copies it each time. */
  #allocate(): Buffer {
    return Buffer.allocUnsafeSlow(Math.ceil(this.#lastBytes * MARGIN_OVER_LAST));
  }

  #release(rendering: HeldRendering): void {
    rendering.users -= 1;
    if (rendering.users > 0) return;
    const { bytes } = rendering;
    const buffer = Buffer.from(bytes.buffer);
    const isUsed = buffer.length <= Math.max(SMALL_BYTES, MAX_SLACK * bytes.length);
    if (isUsed && this.#buffers.length < MAX_BUFFERS) this.#buffers.push(buffer);
  }

  /**
   * Writes the client library's values. Its own rendering strips `_total` from its metrics for good
   * after the first rendering as OpenMetrics.
   */
  async #writeOwn(writer: ExpositionWriter): Promise<void> {
    const metrics = await this.#own.getMetricsAsJSON();
    const startSeconds = metrics.find(({ name }) => name === PROCESS_START)?.values[0]?.value;
    for (const { name, help, type, values } of metrics) {
      if (values.length === 0) continue;
      writer.family({ name, type: type as MetricType, help });
      for (const sample of values) {
        const labels = labelsOf(sample.labels);
        const sampleName = "metricName" in sample ? String(sample.metricName) : name;
        writer.named(sampleName, labels, sample.value);
        // The count is the last sample of a histogram's series.
        const isLast = type === "counter" || sampleName === `${name}_count`;
        if (isLast && startSeconds !== undefined) writer.ownCreated(name, labels, startSeconds);
      }
    }
  }
}

function labelsOf(labels: Partial<Record<string, string | number>> = {}): LabelSet {
  return new LabelSet(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}
