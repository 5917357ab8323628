import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { systemClock } from "../../src/platform/time/clock.ts";
import { openStore } from "../../src/storage/store.ts";
import type { Store } from "../../src/storage/store.ts";
import { threadLink } from "../../src/storage/thread-link.ts";
import { numbersOf, recordOf, upTo } from "../support/opened-queue.ts";
import { recordedLog } from "../support/recorded-log.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-thread-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

const PLACE = { scope: "here", outlives: "power-cut", nowMs: 1 } as const;
const CURSOR = { beginNs: 1n, lastNs: 2n ** 60n, seen: ["key"], count: 1 };

test("answers calls in their order", async () => {
  const link = threadLink();
  const rows = [1, 2, 3].map((seq) => ({ seq, count: 1, bytes: new Uint8Array([seq]) }));
  const resume = { cursor: CURSOR, containers: new Map() };
  const opened = await link.open({ path, ...PLACE });
  expect(opened).toEqual({
    restored: undefined,
    setAside: undefined,
    totals: { records: 0, bytes: 0, headSeq: 0, lastSeq: 0 },
  });
  const answers = [
    link.commit({ rows, resume }),
    link.drop(1),
    link.read(1),
    link.free(1),
  ] as const;
  expect(await Promise.all(answers)).toEqual([
    undefined,
    undefined,
    [{ seq: 2, count: 1, bytes: new Uint8Array([2]) }],
    { records: 1, bytes: 1, headSeq: 2, lastSeq: 3 },
  ]);
  await link.close();
  const again = threadLink();
  expect(await again.open({ path, ...PLACE })).toMatchObject({ restored: { cursor: CURSOR } });
  await again.close();
});

test("rejects with a message when an operation fails", async () => {
  writeFileSync(join(path, "file"), "");
  const link = threadLink();
  await expect(link.read(1)).rejects.toMatchObject({ message: "it isn't open", isFinal: false });
  await expect(link.open({ path: join(path, "file", "data"), ...PLACE })).rejects.toThrow(
    "ENOTDIR",
  );
  const first = threadLink();
  await first.open({ path, ...PLACE });
  await expect(link.open({ path, ...PLACE })).rejects.toThrow("another process uses it");
  await Promise.all([first.close(), link.close()]);
});

test("rejects calls when the thread has ended", async () => {
  const link = threadLink();
  await link.open({ path, ...PLACE });
  await link.close();
  await expect(link.read(1)).rejects.toMatchObject({
    message: "its thread has ended",
    isFinal: true,
  });
});

async function opened(folder: string, lines: string[] = []): Promise<Store> {
  const { log, lines: written } = recordedLog();
  const store = await openStore({
    path: folder,
    scope: "here",
    clock: systemClock,
    log,
    cursor: () => undefined,
    container: () => undefined,
    queue: { maxBytes: 2 ** 26, dropped: () => {} },
  });
  lines.push(...written);
  return store;
}

async function drained({ queue }: Store, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const batch = await queue?.next(50_000, AbortSignal.timeout(30_000));
    if (batch === undefined) break;
    numbers.push(...numbersOf(batch));
    queue?.done(numbersOf(batch).length);
  }
  return numbers;
}

test("leases everything once when a thread waits for the disk", async () => {
  {
    await using store = await opened(path);
    for (const number of upTo(20_000)) store.queue?.push(recordOf(number));
    expect(await drained(store, 5_000)).toEqual(upTo(6_144));
  }
  await using store = await opened(path);
  expect(store.queue?.state.durable).toBe(true);
  expect(await drained(store, 13_856)).toEqual(upTo(13_856, 6_144));
});
