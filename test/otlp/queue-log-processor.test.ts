import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { QueueLogProcessor } from "../../src/otlp/queue-log-processor.ts";
import { openQueue } from "../support/opened-queue.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-processor-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

/** Number of records of each commit. */
const stored = ({ disk }: Awaited<ReturnType<typeof openQueue>>): number[] =>
  disk.commits.map(({ rows }) => rows.reduce((sum, { count }) => sum + count, 0));

test.each(["forceFlush", "shutdown"] as const)(
  "%s resolves when the records are stored, not before",
  async (end) => {
    await using opened = await openQueue({ path });
    const provider = new LoggerProvider({ processors: [new QueueLogProcessor(opened.queue)] });
    const disk = Promise.withResolvers<void>();
    opened.disk.wait = disk.promise;
    const logger = provider.getLogger("unitwatch");
    logger.emit({ body: "one" });
    logger.emit({ body: "two" });
    let isEnded = false;
    const ended = provider[end]().then(() => (isEnded = true));
    await opened.clock.advance(1_000);
    expect([isEnded, stored(opened)]).toEqual([false, []]);
    disk.resolve();
    await ended;
    expect(stored(opened)).toEqual([2]);
  },
);

test("queues no record after shutdown, from any provider", async () => {
  await using opened = await openQueue({ path });
  const processor = new QueueLogProcessor(opened.queue);
  const provider = new LoggerProvider({ processors: [processor] });
  const later = new LoggerProvider({ processors: [processor] });
  await provider.shutdown();
  provider.getLogger("unitwatch").emit({ body: "one" });
  later.getLogger("unitwatch").emit({ body: "two" });
  expect(opened.queue.state.records).toBe(0);
});
