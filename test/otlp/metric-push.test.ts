import { ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType } from "@opentelemetry/sdk-metrics";
import { expect, test } from "@jest/globals";
import { startMetricPush } from "../../src/otlp/metric-push.ts";
import type { MetricPush, MetricPushOptions } from "../../src/otlp/metric-push.ts";
import type { MetricSlice, MetricSource } from "../../src/otlp/metric-request.ts";
import type { SendOutcome } from "../../src/otlp/transport/sender.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeOtlpSender, retry, ACCEPTED } from "../support/fake-otlp-sender.ts";
import { decodeOtlpMetrics } from "../support/otlp-metrics.ts";
import { turns as eventLoopTurns } from "../support/turns.ts";

const INTERVAL_MS = 60_000;

/** Counts its collections: the value of each point is the number of its collection. */
class FakeSource implements MetricSource {
  collections = 0;
  /** Number of collections that were read to the end. */
  ended = 0;
  /** Number of points in each slice, and length of an attribute of each. */
  slices: readonly number[] = [1];
  attributeChars = 1;
  /** `collection/number` of each accepted point. */
  readonly accepted: string[] = [];

  async *collect(): AsyncGenerator<MetricSlice> {
    this.collections += 1;
    const { collections } = this;
    let number = 0;
    for (const points of this.slices) {
      const numbers = Array.from({ length: points }, () => (number += 1));
      yield points === 0 ? [] : [this.#part(collections, numbers)];
    }
    this.ended += 1;
  }

  #part(collection: number, numbers: readonly number[]): MetricSlice[number] {
    return {
      data: {
        descriptor: { name: "a", description: "", unit: "1", valueType: ValueType.INT },
        aggregationTemporality: AggregationTemporality.CUMULATIVE,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: numbers.map((number) => ({
          startTime: [0, 0],
          endTime: [0, 1],
          attributes: { number, text: "x".repeat(this.attributeChars) },
          value: collection,
        })),
      },
      accepted: numbers.map((number) => () => void this.accepted.push(`${collection}/${number}`)),
    };
  }
}

interface Pushed {
  readonly clock: FakeClock;
  readonly source: FakeSource;
  readonly sender: FakeOtlpSender;
  readonly push: MetricPush;
  /** `exported 3`, `failed unavailable`, `broken …`. */
  readonly reports: string[];
  /** Collection and number of each point, of each request. */
  readonly received: () => string[][];
}

function pushed(options: Partial<MetricPushOptions> = {}): Pushed {
  const clock = new FakeClock();
  const source = new FakeSource();
  const sender = new FakeOtlpSender();
  const reports: string[] = [];
  let waitMs = 500;
  const push = startMetricPush({
    source,
    sender,
    resource: () => ({ "service.name": "unitwatch" }),
    version: "1.2.3",
    intervalMs: INTERVAL_MS,
    timeoutMs: INTERVAL_MS,
    clock,
    backoff: { next: () => (waitMs *= 2), reset: () => void (waitMs = 500) },
    exported: (points) => void reports.push(`exported ${points}`),
    failed: (reason) => void reports.push(`failed ${reason}`),
    broken: (error) => void reports.push(`broken ${error.message}`),
    ...options,
  });
  return {
    clock,
    source,
    sender,
    push,
    reports,
    received: () =>
      sender.requests.map((request) =>
        decodeOtlpMetrics(request).map(
          ({ value, attributes }) => `${value}/${String(attributes["number"])}`,
        ),
      ),
  };
}

/** Turns of the event loop that a push needs at most to reach its next wait. */
const turns = (): Promise<void> => eventLoopTurns(20);

test("pushes after each interval, and not before, with resource and scope", async () => {
  const { clock, sender, received, reports } = pushed();
  await clock.advance(INTERVAL_MS - 1);
  await turns();
  expect(sender.requests).toEqual([]);
  await clock.advance(1);
  await sender.received(1);
  await turns();
  await clock.advance(INTERVAL_MS);
  await sender.received(2);
  await turns();
  expect(received()).toEqual([["1/1"], ["2/1"]]);
  expect(reports).toEqual(["exported 1", "exported 1"]);
  expect(decodeOtlpMetrics(sender.requests[0] ?? Buffer.alloc(0))).toMatchObject([
    { resource: { "service.name": "unitwatch" }, scope: { name: "unitwatch", version: "1.2.3" } },
  ]);
});

test("sends several slices in one request, and no empty ones", async () => {
  const { clock, source, sender, received } = pushed();
  source.slices = [0, 2, 0, 1];
  await clock.advance(INTERVAL_MS);
  await sender.received(1);
  await turns();
  expect(received()).toEqual([["1/1", "1/2", "1/3"]]);
  expect(source.accepted).toEqual(["1/1", "1/2", "1/3"]);
});

test("retries the same bytes with growing waits when a request fails", async () => {
  const { clock, source, sender, reports } = pushed();
  const answers = [retry(), retry(), ACCEPTED];
  sender.answer = () => answers.shift() ?? ACCEPTED;
  await clock.advance(INTERVAL_MS);
  await turns();
  await clock.advance(999);
  expect(sender.requests).toHaveLength(1);
  await clock.advance(1);
  await turns();
  expect(sender.requests).toHaveLength(2);
  await clock.advance(2_000);
  await turns();
  expect(sender.requests).toHaveLength(3);
  expect(new Set(sender.requests.map((request) => Buffer.from(request).toString("hex"))).size).toBe(
    1,
  );
  expect(reports).toEqual(["failed unavailable", "failed unavailable", "exported 1"]);
  expect(source.accepted).toEqual(["1/1"]);
});

test("replaces a push that failed by the next one", async () => {
  const { clock, source, sender, received } = pushed();
  sender.answer = () => retry(25_000);
  await clock.advance(INTERVAL_MS);
  await turns();
  await clock.advance(INTERVAL_MS - 1);
  await turns();
  expect(received()).toEqual([["1/1"], ["1/1"], ["1/1"]]);
  sender.answer = () => ACCEPTED;
  await clock.advance(20_000);
  await turns();
  expect(received().at(-1)).toEqual(["2/1"]);
  expect(source.collections).toBe(2);
  expect(source.accepted).toEqual(["2/1"]);
});

test("waits as long as the endpoint requests, across pushes", async () => {
  const { clock, sender } = pushed();
  const answers = [retry(90_000)];
  sender.answer = () => answers.shift() ?? ACCEPTED;
  await clock.advance(INTERVAL_MS);
  await turns();
  await clock.advance(89_999);
  await turns();
  expect(sender.requests).toHaveLength(1);
  await clock.advance(1);
  await sender.received(2);
});

test("aborts a push at its limit", async () => {
  const { clock, sender, reports } = pushed({ timeoutMs: 10_000 });
  sender.answer = (_request, signal) =>
    new Promise<SendOutcome>((resolve) => {
      signal.addEventListener("abort", () => resolve(retry()), { once: true });
    });
  await clock.advance(INTERVAL_MS);
  await sender.received(1);
  await clock.advance(9_999);
  expect(reports).toEqual([]);
  await clock.advance(1);
  await turns();
  expect(reports).toEqual(["failed unavailable"]);
  await clock.advance(INTERVAL_MS - 10_001);
  expect(sender.requests).toHaveLength(1);
  await clock.advance(1);
  await sender.received(2);
});

test("reads a failed collection to its end, except the last one", async () => {
  const { clock, source, sender, push } = pushed({ timeoutMs: 10_000 });
  source.slices = [400, 400, 400, 400];
  source.attributeChars = 2_000;
  sender.answer = () => retry(20_000);
  await clock.advance(INTERVAL_MS);
  await sender.received(1);
  await clock.advance(10_000);
  await turns();
  expect([sender.requests.length, source.collections, source.ended]).toEqual([1, 1, 1]);
  await clock.advance(INTERVAL_MS - 10_000);
  await sender.received(2);
  const closed = push.close(3_000);
  await turns();
  await clock.advance(3_000);
  await closed;
  expect([source.collections, source.ended]).toEqual([2, 1]);
});

test("drops a rejected request, and sends the rest of the push", async () => {
  const { clock, source, sender, reports, received } = pushed();
  source.slices = [400, 400];
  source.attributeChars = 2_000;
  const answers: SendOutcome[] = [{ kind: "rejected", reason: "http_400", message: "no" }];
  sender.answer = () => answers.shift() ?? ACCEPTED;
  await clock.advance(INTERVAL_MS);
  await sender.received(2);
  await turns();
  expect(received().map((points) => points.length)).toEqual([400, 400]);
  expect(reports).toEqual(["failed http_400", "exported 400"]);
  expect(source.accepted).toHaveLength(400);
});

test("doesn't count rejected points as exported, and doesn't send them again", async () => {
  const { clock, source, sender, reports } = pushed();
  source.slices = [5];
  sender.answer = () => ({ kind: "accepted", rejected: 2, message: "two are odd" });
  await clock.advance(INTERVAL_MS);
  await turns();
  expect(reports).toEqual(["exported 3", "failed partial_success"]);
  expect(source.accepted).toHaveLength(5);
  expect(sender.requests).toHaveLength(1);
});

test("keeps requests well under 4 MiB, with everything in order", async () => {
  const { clock, source, sender, received } = pushed();
  source.slices = [100, 100, 1_500, 100];
  source.attributeChars = 3_000;
  await clock.advance(INTERVAL_MS);
  await turns();
  const all = Array.from({ length: 1_800 }, (_, i) => `1/${i + 1}`);
  expect(received().flat()).toEqual(all);
  expect(source.accepted).toEqual(all);
  const sizes = sender.requests.map((request) => request.length);
  expect(Math.max(...sizes)).toBeLessThan(4_000_000);
  expect(sizes.length).toBeLessThan(7);
});

test("halves a request until it fits, and sends smaller ones from then on", async () => {
  const { clock, source, sender, received, reports } = pushed();
  source.slices = [700, 300];
  source.attributeChars = 1_000;
  const limit = 100_000;
  const tooLarge: SendOutcome = { kind: "too-large", reason: "http_413", message: "too large" };
  sender.answer = (request) => (request.length > limit ? tooLarge : ACCEPTED);
  const all = (collection: number): string[] =>
    Array.from({ length: 1_000 }, (_, i) => `${collection}/${i + 1}`);
  await clock.advance(INTERVAL_MS);
  for (let i = 0; i < 10; i += 1) await turns();
  expect(source.accepted).toEqual(all(1));
  expect(reports.filter((what) => what.startsWith("failed"))).toEqual([]);
  const before = sender.requests.length;
  await clock.advance(INTERVAL_MS);
  for (let i = 0; i < 10; i += 1) await turns();
  expect(received().slice(before).flat()).toEqual(all(2));
  expect(sender.requests.slice(before).every((request) => request.length <= limit)).toBe(true);
});

test("drops a single point that is too large, and sends the others", async () => {
  const { clock, source, sender, reports } = pushed();
  source.slices = [4];
  const tooLarge: SendOutcome = { kind: "too-large", reason: "http_413", message: "too large" };
  sender.answer = (request) =>
    decodeOtlpMetrics(request).some(({ attributes }) => attributes["number"] === 3)
      ? tooLarge
      : ACCEPTED;
  await clock.advance(INTERVAL_MS);
  await turns();
  expect(source.accepted).toEqual(["1/1", "1/2", "1/4"]);
  expect(reports).toEqual(["exported 2", "failed http_413", "exported 1"]);
});

test("pushes once more, then disposes of the sender, when it closes", async () => {
  const { clock, source, sender, push, reports, received } = pushed();
  await push.close(3_000);
  expect(received()).toEqual([["1/1"]]);
  expect(reports).toEqual(["exported 1"]);
  expect(sender.isDisposed).toBe(true);
  expect(clock.pendingTimers).toBe(0);
  await clock.advance(10 * INTERVAL_MS);
  expect(source.collections).toBe(1);
});

test("begins the last push without the next attempt when it closes", async () => {
  const { clock, source, sender, push, received } = pushed();
  const answers = [retry()];
  sender.answer = () => answers.shift() ?? ACCEPTED;
  await clock.advance(INTERVAL_MS);
  await turns();
  await push.close(3_000);
  expect(received()).toEqual([["1/1"], ["2/1"]]);
  expect(source.accepted).toEqual(["2/1"]);
});

test("waits for the request in flight when it closes, so that nothing is sent twice", async () => {
  const { clock, sender, push, received } = pushed();
  const answer = Promise.withResolvers<SendOutcome>();
  const answers = [answer.promise];
  sender.answer = () => answers.shift() ?? ACCEPTED;
  await clock.advance(INTERVAL_MS);
  await sender.received(1);
  const closed = push.close(3_000);
  await turns();
  expect(sender.requests).toHaveLength(1);
  answer.resolve(ACCEPTED);
  await closed;
  expect(received()).toEqual([["1/1"], ["2/1"]]);
});

test("closes within its limit", async () => {
  const { clock, sender, push } = pushed();
  sender.answer = (_request, signal) =>
    new Promise<SendOutcome>((resolve) => {
      signal.addEventListener("abort", () => resolve(retry()), { once: true });
    });
  const closed = push.close(3_000);
  await sender.received(1);
  await clock.advance(3_000);
  await closed;
  expect(sender.isDisposed).toBe(true);
});

test("reports a fault, which costs one push", async () => {
  const { clock, source, sender, reports } = pushed();
  const collect = source.collect.bind(source);
  source.collect = () => {
    throw new Error("odd");
  };
  await clock.advance(INTERVAL_MS);
  await turns();
  expect(reports).toEqual(["broken odd"]);
  source.collect = collect;
  await clock.advance(INTERVAL_MS);
  await sender.received(1);
});
