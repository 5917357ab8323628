import { setImmediate as nextTurn } from "node:timers/promises";
import type { Registry } from "prom-client";
import { LabelSet } from "../domain/label-set.ts";
import type { Fleet } from "../state/fleet.ts";
import type { ExpositionFormat } from "./exposition.ts";
import { CONTENT_TYPES, ExpositionWriter } from "./exposition.ts";
import type { MetricType, StateMetric } from "./metric.ts";

/** How long a scrape may keep the event loop to itself, in milliseconds. */
const SLICE_MS = 5;

export interface Scrape {
  readonly contentType: string;
  /** Not to be read any more once it was released. */
  readonly body: Buffer;
  /** Gives back the memory of the body, for the next scrape. May be called once, or never. */
  release(): void;
}

/** Memory that waits for the next scrape: for two that are read at a time. */
const MAX_ROOMS = 2;
const ROOM_BEYOND_LAST = 1.1;
/** What is larger than this, and than the body by so much, is given up: there were more series once. */
const MAX_SLACK = 8;
const SMALL_BYTES = 1024 * 1024;

/** Renders all metrics: those read from the state, then those that unitwatch keeps of itself. */
export class Scraper {
  readonly #fleet: Fleet;
  readonly #metrics: readonly StateMetric[];
  readonly #own: Registry;
  #samples = 0;
  #lastBytes = 0;
  /** A body is megabytes, which the garbage collector would let pile up. */
  readonly #rooms: Buffer[] = [];

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
    const writer = new ExpositionWriter(format, this.#rooms.pop() ?? this.#newRoom());
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
    const body = writer.end();
    this.#lastBytes = body.length;
    return { contentType: CONTENT_TYPES[format], body, release: () => this.#keep(body) };
  }

  /** As much as the last body took, and some more: what has to grow is copied again and again. */
  #newRoom(): Buffer {
    return Buffer.allocUnsafeSlow(Math.ceil(this.#lastBytes * ROOM_BEYOND_LAST));
  }

  #keep(body: Buffer): void {
    const room = Buffer.from(body.buffer);
    const isUsed = room.length <= Math.max(SMALL_BYTES, MAX_SLACK * body.length);
    if (isUsed && this.#rooms.length < MAX_ROOMS) this.#rooms.push(room);
  }

  /**
   * The client library's own rendering strips `_total` from its metrics for good once it was asked
   * for OpenMetrics: so its values are taken, and written here.
   */
  async #writeOwn(writer: ExpositionWriter): Promise<void> {
    for (const metric of await this.#own.getMetricsAsJSON()) {
      if (metric.values.length === 0) continue;
      writer.family({
        name: metric.name,
        type: metric.type as MetricType,
        help: metric.help,
      });
      for (const sample of metric.values) {
        const labels = new LabelSet(
          Object.entries(sample.labels ?? {}).map(([name, value]) => [name, String(value)]),
        );
        const name = "metricName" in sample ? String(sample.metricName) : metric.name;
        writer.named(name, labels.text, sample.value);
      }
    }
  }
}
