/** Process of otlp-queue.ts: one run, or the endpoint of all runs. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate, setTimeout } from "node:timers/promises";
import type { LogRecord } from "@opentelemetry/api";
import { logRecordOf } from "../../src/logs/log-record.ts";
import { openLogPipeline } from "../../src/otlp/log-pipeline.ts";
import type { LogPipeline } from "../../src/otlp/log-pipeline.ts";
import { openSender } from "../../src/otlp/transport/open-sender.ts";
import { systemClock as clock } from "../../src/platform/time/clock.ts";
import { createLogger } from "../../src/platform/log/log.ts";
import { openStore } from "../../src/storage/store.ts";
import type { Store } from "../../src/storage/store.ts";
import { Backoff } from "../../src/platform/time/backoff.ts";
import { unitChange } from "../support/changes.ts";
import type { Row } from "./section.ts";
import { readProtobuf } from "../support/protobuf.ts";

const RESOURCE = { "service.name": "unitwatch", "host.name": "bench" };

const SECONDS_DOWN = Number(process.env["UNITWATCH_BENCH_SECONDS"] ?? 60);
const CHANGES_PER_SECOND = 1_000;

interface Opened {
  readonly store: Store;
  readonly queue: NonNullable<Store["queue"]>;
  readonly pipeline: LogPipeline;
  exported(): number;
}

async function open(path: string, url: string | undefined): Promise<Opened> {
  const log = createLogger({
    level: "error",
    format: "logfmt",
    clock,
    write: (line) => process.stderr.write(line),
  });
  let exported = 0;
  const store = await openStore({
    path,
    scope: "bench",
    clock,
    log,
    cursor: () => ({ beginNs: 0n, lastNs: 1n, seen: [], count: 0 }),
    container: () => undefined,
    queue: {
      maxBytes: 2 ** 30,
      dropped: (records) => {
        throw new Error(`${records} records were dropped`);
      },
    },
  });
  const { queue } = store;
  if (queue?.state.durable !== true) throw new Error("the queue is not durable");
  const send = {
    protocol: "http/protobuf",
    headers: [],
    timeoutMs: 10_000,
    compression: "none",
    tls: { caFile: undefined, keyFile: undefined, certFile: undefined },
  } as const;
  const pipeline = openLogPipeline({
    queue,
    // No process listens on port 1.
    sender: await openSender({ url: url ?? "http://127.0.0.1:1/v1/logs", ...send }, "logs"),
    clock,
    log,
    backoff: new Backoff({ initialMs: 1_000, maxMs: 30_000 }),
    origin: {
      resource: () => RESOURCE,
      scope: { name: "unitwatch", version: "1" },
    },
    exported: (records) => (exported += records),
    failed: () => {},
    dropped: () => {},
  });
  return { store, queue, pipeline, exported: () => exported };
}

let number = 0;

function record(): LogRecord {
  number += 1;
  const facts = { activeState: "failed", subState: "failed", previousState: "active" } as const;
  const more = { result: "exit-code", exitCode: 3, timeNs: BigInt(number) } as const;
  const options = { observedNs: clock.nowNs(), instance: "bench" };
  return logRecordOf(unitChange("unit.failed", { ...facts, ...more }), options);
}

const perSecond = (count: number, ms: number): number => Math.round((count / ms) * 1_000);
const megabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;

function row(name: string, value: number, options: Omit<Row, "name" | "value">): Row {
  return { name, value, ...options };
}

/** Measures how fast records enter the queue, until all are on disk. */
async function into(path: string): Promise<readonly Row[]> {
  const { queue, pipeline } = await open(path, undefined);
  const rates: number[] = [];
  const count = 100_000;
  for (let round = 0; round < 5; round += 1) {
    const records = Array.from({ length: count }, record);
    const begin = performance.now();
    for (const [i, each] of records.entries()) {
      pipeline.logger.emit(each);
      if (i % 1_000 === 0) await setImmediate();
    }
    await queue.flush();
    rates.push(perSecond(count, performance.now() - begin));
  }
  const best = Math.max(...rates);
  const floor = "≥ 100000";
  return [row("into the queue, stored", best, { unit: "records/s", floor, pass: best >= 100_000 })];
}

/** Measures how fast stored records are sent over http/protobuf to another process. */
async function out(path: string, url: string): Promise<readonly Row[]> {
  const count = 200_000;
  {
    const { store, pipeline } = await open(path, undefined);
    for (let i = 0; i < count; i += 1) {
      pipeline.logger.emit(record());
      if (i % 1_000 === 0) await setImmediate();
    }
    await store.flush();
    await pipeline.close(AbortSignal.abort());
    await store[Symbol.asyncDispose]();
  }
  const before = process.cpuUsage();
  const begin = performance.now();
  const opened = await open(path, url);
  while (opened.exported() < count) await setTimeout(5);
  const ms = performance.now() - begin;
  const cpu = process.cpuUsage(before);
  const rate = perSecond(count, ms);
  const perCore = perSecond(count, (cpu.user + cpu.system) / 1_000);
  const floor = "≥ 30000";
  return [
    row("out of the queue, by the clock", rate, { unit: "records/s", floor, pass: rate >= 30_000 }),
    row("out of the queue, of one core", perCore, {
      unit: "records/s",
      floor,
      pass: perCore >= 30_000,
    }),
  ];
}

/** Emits a steady stream while the endpoint is up, then down, then up again. */
async function outage(path: string, url: string): Promise<readonly Row[]> {
  const seconds = Math.max(5, SECONDS_DOWN / 4);
  const up = await open(join(path, "up"), url);
  const upLag = await stream(up, seconds);
  await up.pipeline.close(AbortSignal.timeout(5_000));
  await up.store[Symbol.asyncDispose]();

  const down = await open(join(path, "down"), undefined);
  await stream(down, 5);
  globalThis.gc?.();
  const rssBefore = process.memoryUsage().rss;
  const downLag = await stream(down, SECONDS_DOWN);
  globalThis.gc?.();
  const grown = process.memoryUsage().rss - rssBefore;
  const waiting = down.queue.state.records;
  await down.pipeline.close(AbortSignal.abort());
  await down.store[Symbol.asyncDispose]();

  const begin = performance.now();
  const again = await open(join(path, "down"), url);
  while (again.queue.state.records > 0) await setTimeout(5);
  const deliveredMs = performance.now() - begin;
  if (again.exported() !== waiting)
    throw new Error(`${again.exported()} of ${waiting} records arrived`);
  return [
    row("lag of the loop, endpoint up, p99", upLag, { unit: "ms" }),
    row("lag of the loop, endpoint down, p99", downLag, {
      unit: "ms",
      floor: "within 20 % of endpoint up",
      pass: downLag <= upLag * 1.2,
    }),
    row(`growth while down for ${SECONDS_DOWN} s`, megabytes(grown), {
      unit: "MB",
      floor: "≤ 20",
      pass: grown <= 20e6,
    }),
    row(`backlog of ${waiting} delivered`, Math.round(deliveredMs) / 1_000, {
      unit: "s",
      floor: "≤ 15",
      pass: deliveredMs <= 15_000,
    }),
  ];
}

/** Emits steadily, and returns the 99th percentile of the event loop's lag in ms. */
async function stream({ pipeline }: Opened, seconds: number): Promise<number> {
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const begin = performance.now();
  for (let emitted = 0; emitted < seconds * CHANGES_PER_SECOND;) {
    const due = ((performance.now() - begin) / 1_000) * CHANGES_PER_SECOND;
    for (; emitted < due; emitted += 1) pipeline.logger.emit(record());
    await setTimeout(5);
  }
  lag.disable();
  return Math.round(lag.percentile(99) / 1e4) / 100;
}

/** Accepts every request, and reports each record that isn't newer than the previous one. */
function serve(): void {
  let last = 0n;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      for (const timeNs of timesOf(Buffer.concat(chunks))) {
        if (timeNs !== 1n && timeNs <= last) process.send?.({ disorder: `${last}, ${timeNs}` });
        last = timeNs;
      }
      response.end();
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    process.send?.({ url: `http://127.0.0.1:${port}/v1/logs` });
  });
}

/** Returns the times of all records of a request; each record begins with its time. */
function timesOf(request: Buffer): bigint[] {
  const inner = (messages: readonly Buffer[], field: number): Buffer[] =>
    messages.flatMap((message) => (readProtobuf(message).get(field) ?? []) as Buffer[]);
  return inner(inner(inner([request], 1), 2), 2).map((record) => record.readBigUInt64LE(1));
}

const [run, url = "", path = ""] = process.argv.slice(2);
if (run === "sink") serve();
if (run === "into") process.send?.(await into(path));
if (run === "out") process.send?.(await out(path, url));
if (run === "outage") process.send?.(await outage(path, url));
