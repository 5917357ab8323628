import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { openLogPipeline } from "../../src/otlp/log-pipeline.ts";
import type { LogPipeline } from "../../src/otlp/log-pipeline.ts";
import type { SendOutcome } from "../../src/otlp/transport/sender.ts";
import { Backoff } from "../../src/platform/time/backoff.ts";
import { type FakeSender, fakeSender, retry, ACCEPTED } from "../support/fake-sender.ts";
import { NO_ROOM, openQueue, recordOf, upTo } from "../support/opened-queue.ts";
import type { OpenedQueue } from "../support/opened-queue.ts";
import { recordedLog } from "../support/recorded-log.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-pipeline-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

interface Opened extends AsyncDisposable {
  readonly opened: OpenedQueue;
  readonly pipeline: LogPipeline;
  readonly sender: FakeSender;
  /** Calls of the counters: `exported 3`, `failed http_503`, `dropped 1`. */
  readonly reports: string[];
  readonly log: string[];
  emit(...numbers: readonly number[]): void;
  /** Advances the clock, and runs what that starts. */
  pass(ms: number): Promise<void>;
}

const NO_RESOURCE = {};

async function open(settings: { readonly path?: string; readonly maxBytes?: number } = {}) {
  const opened = await openQueue({ path: undefined, ...settings });
  const { clock, queue } = opened;
  const sender = fakeSender();
  const reports: string[] = [];
  const { log, lines } = recordedLog(clock);
  const pipeline = openLogPipeline({
    queue,
    sender,
    clock,
    log,
    backoff: new Backoff({ initialMs: 1_000, maxMs: 30_000 }, () => 1),
    origin: { resource: () => NO_RESOURCE, scope: { name: "unitwatch", version: "" } },
    exported: (records) => void reports.push(`exported ${records}`),
    failed: (reason) => void reports.push(`failed ${reason}`),
    dropped: (records) => void reports.push(`dropped ${records}`),
  });
  const all: Opened = {
    opened,
    pipeline,
    sender,
    reports,
    log: lines,
    emit(...numbers) {
      for (const number of numbers) pipeline.logger.emit({ body: String(number) });
    },
    async pass(ms) {
      await clock.advance(ms);
      for (let turn = 0; turn < 5; turn += 1) await clock.advance(0);
    },
    async [Symbol.asyncDispose]() {
      await pipeline.close(AbortSignal.abort());
      await opened.store[Symbol.asyncDispose]();
    },
  };
  return all;
}

const texts = (count: number, from = 0): string[] => upTo(count, from).map(String);

test("sends records that come together in one request, once", async () => {
  await using all = await open();
  all.emit(0, 1, 2);
  await all.pass(199);
  expect(all.sender.requests).toEqual([]);
  await all.pass(1);
  expect(all.sender.requests).toEqual([["0", "1", "2"]]);
  expect(all.reports).toEqual(["exported 3"]);
  expect(all.opened.queue.state.records).toBe(0);
  await all.pass(60_000);
  expect(all.sender.requests).toHaveLength(1);
  expect(all.log).toEqual([]);
});

test("sends queued records in few requests, in their order", async () => {
  await using all = await open({ path });
  const answer = Promise.withResolvers<SendOutcome>();
  all.sender.answers.push(answer.promise);
  for (let number = 0; number < 3_000; number += 1) {
    all.emit(number);
    if (number % 300 === 0) await all.pass(200);
  }
  await all.pass(200);
  answer.resolve(ACCEPTED);
  await all.pass(0);
  expect(all.sender.accepted).toEqual(texts(3_000));
  expect(all.sender.requests.length).toBeLessThanOrEqual(5);
});

test("retries for ever, with growing waits, when the endpoint is down", async () => {
  await using all = await open();
  for (let turn = 0; turn < 12; turn += 1) all.sender.answers.push(retry());
  all.emit(7);
  await all.pass(200);
  const waits: number[] = [];
  while (all.sender.accepted.length === 0) {
    const requests = all.sender.requests.length;
    const ms = all.opened.clock.nextTimerMs ?? 0;
    await all.pass(ms - 1);
    expect(all.sender.requests).toHaveLength(requests);
    await all.pass(1);
    waits.push(ms);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30].map((s) => s * 1_000));
  expect(all.sender.accepted).toEqual(["7"]);
  expect(all.reports.filter((what) => what === "failed http_503")).toHaveLength(12);
  expect(all.reports.at(-1)).toBe("exported 1");
  expect(all.log.filter((line) => line.includes("log export failed")).length).toBeLessThan(7);
  expect(all.log[0]).toMatch(/^level=warn .*will retry.* reason=http_503 .*waiting=1/);
  expect(all.log.at(-1)).toMatch(/^level=info msg="log export restored"/);
});

test("waits as long as the endpoint requests, at most an hour", async () => {
  await using all = await open();
  all.sender.answers.push(retry(7_000), retry(2 ** 40));
  all.emit(7);
  await all.pass(200);
  await all.pass(6_999);
  expect(all.sender.requests).toHaveLength(1);
  // The backoff is added, so that clients don't come all at once.
  await all.pass(501);
  expect(all.sender.requests).toHaveLength(2);
  await all.pass(3_599_999);
  expect(all.sender.requests).toHaveLength(2);
  await all.pass(1);
  expect(all.sender.accepted).toEqual(["7"]);
});

test("sends later records after queued ones when the endpoint was down", async () => {
  await using all = await open({ path });
  all.sender.answers.push(retry(), retry());
  for (let number = 0; number < 20; number += 1) {
    all.emit(number);
    await all.pass(400);
  }
  expect(all.sender.accepted).toEqual(texts(20));
});

test("drops and counts rejected records, and logs them once a minute", async () => {
  await using all = await open();
  const rejected: SendOutcome = { kind: "rejected", reason: "http_400", message: "no" };
  for (let turn = 0; turn < 5; turn += 1) {
    all.sender.answers.push(rejected);
    all.emit(turn, turn);
    await all.pass(200);
  }
  all.emit(9);
  await all.pass(200);
  expect(all.sender.accepted).toEqual(["9"]);
  expect(all.reports.filter((what) => what === "failed http_400")).toHaveLength(5);
  expect(all.reports.filter((what) => what === "dropped 2")).toHaveLength(5);
  expect(all.log).toEqual([
    expect.stringMatching(/^level=warn .*rejected and dropped.* records=2/),
  ]);
});

test("counts a partial success, and sends nothing of it again", async () => {
  await using all = await open();
  all.sender.answers.push({ kind: "accepted", rejected: 2, message: "too old" });
  all.emit(0, 1, 2);
  await all.pass(200);
  all.sender.answers.push({ kind: "accepted", rejected: 99, message: "nonsense" });
  all.emit(3);
  await all.pass(200);
  expect(all.reports).toEqual([
    "failed partial_success",
    "exported 1",
    "dropped 2",
    "failed partial_success",
    "exported 0",
    "dropped 1",
  ]);
  expect(all.sender.requests).toHaveLength(2);
  expect(all.log).toEqual([expect.stringMatching(/rejected records.* err="too old" records=2/)]);
});

test("logs the warning of an accepted request once a minute", async () => {
  await using all = await open();
  for (let turn = 0; turn < 3; turn += 1) {
    all.sender.answers.push({ kind: "accepted", rejected: 0, message: "use another way" });
    all.emit(turn);
    await all.pass(200);
  }
  expect(all.reports).toEqual(["exported 1", "exported 1", "exported 1"]);
  expect(all.log).toEqual([expect.stringMatching(/^level=warn .* err="use another way"/)]);
});

test("halves a request until it fits, and grows again when it is accepted", async () => {
  await using all = await open();
  all.sender.maxRecords = 10;
  all.emit(...upTo(1_000));
  await all.pass(200);
  expect(all.sender.accepted).toEqual(texts(1_000));
  const sizes = all.sender.requests.map(({ length }) => length);
  expect(sizes.filter((size) => size > 10).length).toBeLessThan(10);
  expect(sizes.filter((size) => size <= 10).length).toBeLessThan(150);
  all.sender.maxRecords = 10_000;
  for (let turn = 0; turn < 600; turn += 1) {
    all.emit(turn);
    await all.opened.clock.advance(200);
  }
  all.sender.requests.length = 0;
  all.emit(...upTo(400));
  await all.pass(200);
  expect(all.sender.requests).toHaveLength(1);
});

test("drops only the record that is too large by itself", async () => {
  await using all = await open();
  const inner = all.sender.send.bind(all.sender);
  all.sender.send = async (request, signal) =>
    request.length > 5_000
      ? { kind: "too-large", reason: "http_413", message: "too large" }
      : inner(request, signal);
  all.emit(...upTo(20));
  all.pipeline.logger.emit({ body: "x".repeat(6_000) });
  all.emit(...upTo(20, 20));
  await all.pass(200);
  await all.pass(200);
  expect(all.sender.accepted).toEqual(texts(40));
  expect(all.reports.filter((what) => what.startsWith("dropped"))).toEqual(["dropped 1"]);
  expect(all.log).toEqual([expect.stringMatching(/^level=warn msg="log record too large/)]);
});

test("sends smaller requests when the endpoint times out", async () => {
  await using all = await open();
  const late: SendOutcome = { kind: "retry", reason: "timeout", message: "", afterMs: undefined };
  all.sender.answers.push(late, late, late, late, late, late);
  all.emit(...upTo(2_000));
  await all.pass(200);
  while (all.sender.accepted.length === 0) await all.pass(30_000);
  const sizes = all.sender.requests.map(({ length }) => length);
  expect(sizes.slice(0, 7)).toEqual([1_024, 512, 256, 128, 64, 64, 64]);
  expect(all.sender.accepted).toEqual(texts(2_000));
  expect(all.reports.filter((what) => what.startsWith("dropped"))).toEqual([]);
});

test("drops and counts damaged rows, and sends the others", async () => {
  await using all = await open();
  all.opened.queue.push(recordOf(5));
  await all.pass(200);
  all.emit(1);
  await all.pass(200);
  expect(all.sender.accepted).toEqual(["1"]);
  expect(all.reports).toEqual(["failed damaged", "dropped 1", "exported 1"]);
});

test("sends queued records at once when it closes", async () => {
  await using all = await open();
  all.emit(1, 2);
  await all.pipeline.close(new AbortController().signal);
  expect(all.sender.accepted).toEqual(["1", "2"]);
  expect(all.sender.isDisposed).toBe(true);
  all.emit(3);
  expect(all.opened.queue.state.records).toBe(0);
});

test("retries once and keeps the rest in a durable queue when it closes", async () => {
  const all = await open({ path });
  all.sender.answers.push(retry(), retry(), retry());
  all.emit(1);
  await all.pass(200);
  expect(all.sender.requests).toHaveLength(1);
  all.emit(2);
  await all.pipeline.close(new AbortController().signal);
  expect(all.sender.requests).toHaveLength(2);
  await all.opened.store[Symbol.asyncDispose]();
  await using next = await open({ path });
  await next.pass(0);
  expect(next.sender.accepted).toEqual(["1", "2"]);
});

test("retries until the signal aborts when it closes with a queue in memory", async () => {
  await using all = await open();
  all.sender.answers.push(retry(), retry(), retry(), Promise.withResolvers<SendOutcome>().promise);
  all.emit(1);
  await all.pass(200);
  const limit = new AbortController();
  const closed = all.pipeline.close(limit.signal);
  await all.pass(60_000);
  expect(all.sender.requests).toHaveLength(4);
  limit.abort();
  await closed;
  expect(all.opened.queue.state.records).toBe(1);
});

test("sends records when they can't be stored", async () => {
  await using all = await open({ path });
  all.opened.disk.commit = NO_ROOM;
  all.emit(1);
  await all.pass(200);
  expect(all.sender.accepted).toEqual(["1"]);
  expect(all.opened.queue.state).toEqual({ records: 0, bytes: 0, durable: false });
});
