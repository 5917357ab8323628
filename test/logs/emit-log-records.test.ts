import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { diag, DiagLogLevel } from "@opentelemetry/api";
import type { Logger, LogRecord } from "@opentelemetry/api";
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { Event } from "../../src/domain/event.ts";
import { EventKind } from "../../src/domain/event.ts";
import { emitLogRecords, Watcher } from "../../src/index.ts";
import { FakeExecutor } from "../support/fake-process.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

const EVENT: Event = {
  kind: "container.die",
  node: "worker-0",
  container: "sind-dev-worker-0",
  unit: "",
  timeNs: 1_795_345_335_788_625_649n,
  detail: "exitCode=137",
};

/** A program's own provider with an exporter. */
function program() {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  return {
    logger: provider.getLogger("unitwatch", "1.2.3"),
    records: async (): Promise<readonly ReadableLogRecord[]> => {
      await provider.forceFlush();
      return exporter.getFinishedLogRecords();
    },
  };
}

async function* each(...events: readonly Event[]): AsyncGenerator<Event, void, undefined> {
  yield* events;
}

async function recordsOf(...events: readonly Event[]): Promise<readonly ReadableLogRecord[]> {
  const { logger, records } = program();
  await emitLogRecords(each(...events), logger);
  return records();
}

const uidsOf = (records: readonly ReadableLogRecord[]): unknown[] =>
  records.map(({ attributes }) => attributes["log.record.uid"]);

test("makes a record of an exit as the sidecar does, with what a Watcher knows", async () => {
  const [record] = await recordsOf(EVENT);
  expect(record).toMatchObject({
    eventName: "docker.container.die",
    hrTime: [1_795_345_335, 788_625_649],
    severityNumber: 17,
    severityText: "ERROR",
    body: "Container sind-dev-worker-0 exited with code 137 (SIGKILL).",
    instrumentationScope: { name: "unitwatch", version: "1.2.3" },
  });
  expect(record?.attributes).toEqual({
    "event.name": "docker.container.die",
    "container.name": "sind-dev-worker-0",
    "container.runtime.name": "docker",
    "unitwatch.node": "worker-0",
    "process.exit.code": 137,
    "error.type": "137",
    "unitwatch.recovered": false,
    "log.record.uid": expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  const [seconds = 0] = record?.hrTimeObserved ?? [];
  expect(Math.abs(seconds - Date.now() / 1_000)).toBeLessThan(60);
});

test("makes INFO of an exit by reboot or halt when the container had units", async () => {
  const active = { kind: "unit.active", unit: "slurmd.service", detail: "" } as const;
  const die = (code: number): Event => ({ ...EVENT, detail: `exitCode=${code}` });
  const ends = [die(129), die(130), die(137)];
  const removed = { ...EVENT, kind: "container.destroy", detail: "" } as const;
  const severities = async (...events: readonly Event[]): Promise<string> =>
    (await recordsOf(...events)).map(({ severityText }) => severityText).join(" ");
  expect(await severities(...ends)).toBe("ERROR ERROR ERROR");
  expect(await severities({ ...EVENT, ...active }, ...ends)).toBe("INFO INFO INFO ERROR");
  const replaced = [{ ...EVENT, ...active }, removed, ...ends];
  expect(await severities(...replaced)).toBe("INFO INFO ERROR ERROR ERROR");
});

const UNIT = { unit: "slurmd.service", detail: "" };
test.each<[Partial<Event>, string, string]>([
  [{ detail: "exitCode=0" }, "INFO", "Container sind-dev-worker-0 exited with code 0."],
  [{ detail: "exitCode=" }, "ERROR", "Container sind-dev-worker-0 exited, with a code that isn"],
  [{ kind: "container.health", detail: "health=unhealthy" }, "ERROR", "worker-0 is unhealthy."],
  [{ kind: "container.health", detail: "health=healthy" }, "INFO", "worker-0 is healthy."],
  [{ ...UNIT, kind: "unit.failed" }, "ERROR", "Unit slurmd.service in sind-dev-worker-0 failed."],
  [{ ...UNIT, kind: "unit.restart" }, "WARN", "was restarted by systemd."],
  [{ kind: "system.state", detail: "SystemState=degraded" }, "INFO", "is degraded."],
  [{ kind: "monitor.lost", detail: "the stream ended" }, "WARN", "worker-0: the stream ended."],
  [{ kind: "monitor.error", container: "", detail: "no" }, "ERROR", "the engine: no."],
])("gives %j the severity %s and a sentence", async (special, severity, sentence) => {
  const [record] = await recordsOf({ ...EVENT, ...special });
  expect(record?.severityText).toBe(severity);
  expect(record?.body).toContain(sentence);
});

test("makes a record of every kind, each with its own uid", async () => {
  const kinds = Object.values(EventKind);
  const events = kinds.map((kind) => ({
    ...EVENT,
    kind,
    unit: kind.startsWith("unit.") ? "a" : "",
  }));
  const records = await recordsOf(...events);
  expect(
    records.map(({ eventName }) => eventName?.replace(/^(docker|systemd|unitwatch)\./, "")),
  ).toEqual(kinds);
  expect(new Set(uidsOf(records)).size).toBe(kinds.length);
});

test("gives an event the same uid again, and that of another container another", async () => {
  const records = await recordsOf(
    EVENT,
    { ...EVENT },
    { ...EVENT, container: "sind-dev-worker-1" },
  );
  const [one, again, other] = uidsOf(records);
  expect(again).toBe(one);
  expect(other).not.toBe(one);
});

test("emits records of what a Watcher reads from recorded output", async () => {
  const executor = new FakeExecutor();
  const watcher = new Watcher(executor, "sind-fix-", "fix");
  const ending = new AbortController();
  const { logger, records } = program();
  const emitted = emitLogRecords(watcher.subscribe(), logger);
  await watcher.start([{ shortName: "worker-0", container: "sind-fix-worker-0" }], ending);
  for (const [call, file] of ["docker/events.jsonl", "busctl/monitor.jsonl"].entries()) {
    const { stdout, exit } = executor.process(call);
    stdout.end(readFileSync(new URL(file, FIXTURES)));
    exit({ exitCode: 0 });
  }
  // The watch ends with its streams, the subscription with the watch.
  await emitted;
  const counts = new Map<string, number>();
  for (const { eventName = "" } of await records()) {
    counts.set(eventName, (counts.get(eventName) ?? 0) + 1);
  }
  // As jq counts them in the files; both streams are lost at their end.
  expect(Object.fromEntries(counts)).toEqual({
    "docker.container.start": 3,
    "docker.container.die": 3,
    "docker.container.oom": 1,
    "docker.container.pause": 1,
    "docker.container.unpause": 1,
    "systemd.unit.active": 11,
    "systemd.unit.failed": 2,
    "unitwatch.monitor.lost": 2,
  });
});

test("emits as events come", async () => {
  const { logger, records } = program();
  const events = Promise.withResolvers<void>();
  const next = Promise.withResolvers<void>();
  const emitted = emitLogRecords(
    (async function* () {
      yield EVENT;
      next.resolve();
      await events.promise;
    })(),
    logger,
  );
  await next.promise;
  expect(await records()).toHaveLength(1);
  events.resolve();
  await emitted;
});

test("resolves when the signal aborts, while the events have nothing to give", async () => {
  const { logger, records } = program();
  const waiting = Promise.withResolvers<void>();
  const ending = new AbortController();
  let isLeft = false;
  const events: AsyncIterableIterator<Event> = {
    next() {
      waiting.resolve();
      return new Promise(() => {});
    },
    async return() {
      isLeft = true;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => events,
  };
  const emitted = emitLogRecords(events, logger, ending);
  await waiting.promise;
  ending.abort();
  await emitted;
  expect(isLeft).toBe(true);
  expect(await records()).toEqual([]);
});

test("emits nothing when the signal has aborted before, and closes the events", async () => {
  const { logger, records } = program();
  const watcher = new Watcher(new FakeExecutor(), "sind-dev-", "dev");
  const subscription = watcher.subscribe();
  await emitLogRecords(subscription, logger, { signal: AbortSignal.abort() });
  expect(await subscription.next()).toEqual({ done: true, value: undefined });
  expect(await records()).toEqual([]);
});

test("rejects with the failure of the events, after the records before it", async () => {
  const { logger, records } = program();
  const failure = new Error("the stream failed");
  const emitted = emitLogRecords(
    (async function* () {
      yield EVENT;
      throw failure;
    })(),
    logger,
  );
  await expect(emitted).rejects.toBe(failure);
  expect(await records()).toHaveLength(1);
});

test("rejects with the failure of the logger, and closes the events", async () => {
  const failure = new Error("the logger failed");
  const logger: Logger = {
    emit: (_record: LogRecord) => {
      throw failure;
    },
    enabled: () => true,
  };
  let isLeft = false;
  const emitted = emitLogRecords(
    (async function* () {
      try {
        yield EVENT;
      } finally {
        isLeft = true;
      }
    })(),
    logger,
  );
  await expect(emitted).rejects.toBe(failure);
  expect(isLeft).toBe(true);
});

afterEach(() => diag.disable());

test("reports what the events throw after the signal aborted", async () => {
  const warned = Promise.withResolvers<unknown[]>();
  const quiet = { error() {}, info() {}, debug() {}, verbose() {} };
  diag.setLogger({ ...quiet, warn: (...args) => warned.resolve(args) }, DiagLogLevel.WARN);
  const ending = new AbortController();
  const late = Promise.withResolvers<IteratorResult<Event>>();
  const events = { next: () => late.promise, [Symbol.asyncIterator]: () => events };
  const emitted = emitLogRecords(events, program().logger, ending);
  ending.abort();
  await emitted;
  const failure = new Error("too late");
  late.reject(failure);
  expect(await warned.promise).toEqual([expect.stringContaining("emitLogRecords"), failure]);
});
