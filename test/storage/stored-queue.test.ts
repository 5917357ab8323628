import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { StoreError } from "../../src/storage/store-link.ts";
import { NO_ROOM, numbersOf, openQueue, upTo } from "../support/opened-queue.ts";
import type { OpenedQueue } from "../support/opened-queue.ts";
import { seededRandom } from "../support/seeded-random.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-queue-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

/** Fills a queue's buffers with an eighth of the records. */
const LONG = { maxBytes: 2 ** 26, recordBytes: 64 } as const;

/** Closes the file as a kill does: without another commit. */
async function abandoned(opened: OpenedQueue): Promise<void> {
  opened.disk.commit = new StoreError("the process was killed", false);
  await opened.store[Symbol.asyncDispose]();
}

const cursorOf = (count: number) => ({ beginNs: 1n, lastNs: BigInt(count), seen: [], count });

test("groups, stores and leases records in their order, and removes completed ones", async () => {
  await using opened = await openQueue({ path });
  const { clock, queue, disk } = opened;
  opened.push(upTo(5));
  expect(clock.nextTimerMs).toBe(200);
  expect(await opened.lease()).toBeUndefined();
  await clock.advance(200);
  expect(disk.commits).toHaveLength(1);
  expect(queue.state).toEqual({ records: 5, bytes: 40, durable: true });
  expect(await opened.drain()).toEqual(upTo(5));
  expect(queue.state).toEqual({ records: 0, bytes: 0, durable: true });
  await clock.advance(200);
  expect(disk.commits).toHaveLength(2);
  expect(clock.pendingTimers).toBe(0);
});

test("stores a steady stream every 200 ms, whatever number of rows it makes", async () => {
  await using opened = await openQueue({ path, maxBytes: 16_000 });
  for (let number = 0; number < 1_000; number += 10) {
    opened.push(upTo(10, number));
    await opened.clock.advance(10);
  }
  expect(opened.disk.commits).toHaveLength(5);
  expect(opened.queue.state.records).toBe(1_000);
});

test("keeps incomplete records for the next process, before later ones", async () => {
  {
    await using opened = await openQueue({ path });
    opened.push(upTo(1_200));
    await opened.queue.flush();
    const batch = await opened.lease(1);
    expect(batch && numbersOf(batch)).toEqual(upTo(512));
    opened.queue.done(512);
    opened.queue.release();
  }
  await using next = await openQueue({ path });
  expect(next.queue.state.records).toBe(688);
  next.push([1_200]);
  await next.clock.advance(200);
  expect(await next.drain()).toEqual(upTo(689, 512));
});

test("has all of the last transaction and nothing later after a kill", async () => {
  const opened = await openQueue({ path });
  opened.push(upTo(10));
  await opened.clock.advance(200);
  opened.push(upTo(10, 10));
  await abandoned(opened);
  await using next = await openQueue({ path });
  expect(await next.drain()).toEqual(upTo(10));
});

test("stores the resume point with the records of all changes up to it", async () => {
  await using opened = await openQueue({ path, ...LONG });
  const { disk } = opened;
  let pushed = 0;
  const publish = (records: number): void => {
    // As for an event: the cursor moves first, then the record is pushed.
    opened.cursor = cursorOf(pushed + records);
    opened.store.touch("web");
    for (; pushed < opened.cursor.count; pushed += 1) opened.push([pushed]);
  };
  for (const records of [1, 700, 18_750, 3, 137_500, 9]) {
    publish(records);
    await opened.clock.advance(200);
  }
  let stored = 0;
  for (const { rows, resume } of disk.commits) {
    stored += rows.reduce((sum, { count }) => sum + count, 0);
    if (resume !== undefined) expect(resume.cursor.count).toBe(stored);
  }
  expect(stored).toBe(pushed);
  expect(disk.commits.filter(({ resume }) => resume !== undefined).length).toBeGreaterThan(5);
});

test("leases released records again, without completed ones", async () => {
  await using opened = await openQueue({ path });
  opened.push(upTo(20));
  await opened.clock.advance(200);
  await opened.lease();
  opened.queue.done(7);
  opened.queue.release();
  expect(await opened.lease().then((batch) => batch && numbersOf(batch))).toEqual(upTo(13, 7));
  opened.queue.done(3);
  opened.queue.release();
  expect(await opened.drain()).toEqual(upTo(10, 10));
});

test("leases a long queue from the disk, part by part", async () => {
  await using opened = await openQueue({ path, ...LONG });
  opened.push(upTo(50_000));
  await opened.queue.flush();
  expect(opened.queue.state).toEqual({ records: 50_000, bytes: 3_200_000, durable: true });
  const batch = await opened.lease(100_000);
  expect(batch && numbersOf(batch).length).toBeLessThanOrEqual(1_563);
  opened.queue.release();
  opened.push([50_000]);
  await opened.clock.advance(200);
  expect(await opened.drain()).toEqual(upTo(50_001));
});

test("shrinks the file after a long queue", async () => {
  await using opened = await openQueue({ path, ...LONG });
  opened.push(upTo(50_000));
  await opened.queue.flush();
  await opened.drain();
  await opened.clock.advance(200);
  await opened.store[Symbol.asyncDispose]();
  expect(statSync(join(path, "unitwatch.sqlite")).size).toBeLessThan(100_000);
});

test.each(["on disk", "in memory"])(
  "drops the oldest records past the bound, %s",
  async (where) => {
    await using opened = await openQueue({
      path: where === "on disk" ? path : undefined,
      maxBytes: 8_000,
    });
    for (let number = 0; number < 3_000; number += 60) {
      opened.push(upTo(60, number));
      await opened.clock.advance(200);
    }
    expect(opened.queue.state.bytes).toBeLessThanOrEqual(8_000);
    const left = await opened.drain();
    expect(left.length).toBeGreaterThan(900);
    expect(left).toEqual(upTo(left.length, 3_000 - left.length));
    expect(total(opened.dropped)).toBe(3_000 - left.length);
  },
);

test("counts a leased record as dropped only when it isn't completed", async () => {
  await using opened = await openQueue({ path, maxBytes: 8_000 });
  opened.push(upTo(900));
  await opened.clock.advance(200);
  for (const isAccepted of [true, false]) {
    const before = total(opened.dropped);
    const batch = await opened.lease(1);
    const leased = batch === undefined ? [] : numbersOf(batch);
    expect(leased.length).toBeGreaterThan(50);
    opened.push(upTo(1_000, 10_000));
    await opened.clock.advance(200);
    await opened.clock.advance(200);
    const others = total(opened.dropped) - before;
    expect(others).toBeGreaterThan(0);
    if (isAccepted) opened.queue.done(leased.length);
    else opened.queue.release();
    expect(total(opened.dropped) - before - others).toBe(isAccepted ? 0 : leased.length);
  }
});

test("leases from memory while the disk is full, logs it once, stores again later", async () => {
  await using opened = await openQueue({ path });
  const { disk, queue, clock } = opened;
  opened.push([0, 1]);
  await clock.advance(200);
  disk.commit = NO_ROOM;
  for (let number = 2; number < 100; number += 2) {
    opened.push([number, number + 1]);
    await clock.advance(1_000);
  }
  expect(queue.state).toEqual({ records: 100, bytes: 800, durable: false });
  const batch = await opened.lease();
  expect(batch && numbersOf(batch)).toEqual([0, 1]);
  queue.done(2);
  const more = await opened.lease();
  expect(more && numbersOf(more)).toEqual(upTo(98, 2));
  queue.done(41);
  queue.release();
  expect(opened.log).toEqual([
    expect.stringMatching(/^level=warn msg="store write failed, log records kept in memory"/),
  ]);
  disk.commit = undefined;
  await clock.advance(5_000);
  expect(queue.state).toEqual({ records: 58, bytes: 464, durable: true });
  expect(opened.log.slice(1)).toEqual([expect.stringMatching(/store write restored/)]);
  opened.push([100]);
  await abandonedAfter(opened, 200);
  await using next = await openQueue({ path });
  // A row that is complete in part is stored whole.
  expect(await next.drain()).toEqual(upTo(59, 42));
});

async function abandonedAfter(opened: OpenedQueue, ms: number): Promise<void> {
  await opened.clock.advance(ms);
  await abandoned(opened);
}

test("doesn't lease again what was completed during its commit", async () => {
  await using opened = await openQueue({ path });
  const { disk, queue, clock } = opened;
  disk.commit = NO_ROOM;
  opened.push([1, 2, 3]);
  await clock.advance(200);
  const stored = Promise.withResolvers<void>();
  disk.commit = undefined;
  disk.wait = stored.promise;
  const leased = await opened.lease();
  expect(leased && numbersOf(leased)).toEqual([1, 2, 3]);
  const flushed = queue.flush();
  queue.done(3);
  stored.resolve();
  await flushed;
  expect(queue.state).toEqual({ records: 0, bytes: 0, durable: true });
  await clock.advance(200);
  await abandoned(opened);
  await using next = await openQueue({ path });
  expect(await next.drain()).toEqual([]);
});

test("reads again when a read fails", async () => {
  await using opened = await openQueue({ path, ...LONG });
  const { disk, queue, clock } = opened;
  await fill(opened, 25_000);
  disk.read = new StoreError("disk I/O error", false);
  const leased = queue.next(1_000, new AbortController().signal);
  await clock.advance(5_000);
  disk.read = undefined;
  await clock.advance(5_000);
  const batch = await leased;
  expect(batch && numbersOf(batch)[0]).toBe(16_384);
  expect(opened.log).toEqual([expect.stringMatching(/^level=warn msg="log queue read failed"/)]);
});

test("abandons a damaged disk, and counts its records as dropped", async () => {
  await using opened = await openQueue({ path, ...LONG });
  const { disk, queue, clock } = opened;
  await fill(opened, 25_000);
  const { records } = queue.state;
  disk.read = new StoreError("database disk image is malformed", true);
  opened.push([25_000]);
  await clock.advance(200);
  expect(await opened.drain()).toEqual([]);
  expect(queue.state).toEqual({ records: 0, bytes: 0, durable: false });
  expect(opened.dropped).toEqual([`damaged ${records + 1}`]);
  expect(opened.log).toEqual([
    expect.stringMatching(/^level=error msg="log queue on disk abandoned, /),
  ]);
  opened.push([5]);
  await clock.advance(200);
  expect(await opened.drain()).toEqual([5]);
});

/** Pushes so many records, and completes those that are in memory too. */
async function fill(opened: OpenedQueue, count: number): Promise<void> {
  opened.push(upTo(count));
  await opened.queue.flush();
  const held = await opened.lease();
  opened.queue.done(held === undefined ? 0 : numbersOf(held).length);
}

test("closes in time when the disk hangs", async () => {
  const opened = await openQueue({ path });
  opened.disk.wait = Promise.withResolvers<void>().promise;
  opened.push([1]);
  const closed = opened.store[Symbol.asyncDispose]();
  await opened.clock.advance(5_000);
  await closed;
  expect(opened.log).toEqual([expect.stringMatching(/^level=warn msg="store close timed out, /)]);
});

test("ends a wait in time when a read hangs, and reads once", async () => {
  {
    await using before = await openQueue({ path });
    before.push(upTo(3));
  }
  await using opened = await openQueue({ path });
  const readable = Promise.withResolvers<void>();
  opened.disk.readWait = readable.promise;
  const end = new AbortController();
  const leased = opened.queue.next(1, end.signal);
  end.abort();
  expect(await leased).toBeUndefined();
  const again = opened.queue.next(2 ** 20, new AbortController().signal);
  readable.resolve();
  const batch = await again;
  expect(batch && numbersOf(batch)).toEqual(upTo(3));
});

test("stores and logs nothing without a folder", async () => {
  await using opened = await openQueue({ path: undefined });
  opened.push([1, 2]);
  expect(await opened.lease()).toBeUndefined();
  await opened.clock.advance(200);
  expect(opened.queue.state).toEqual({ records: 2, bytes: 16, durable: false });
  expect(await opened.drain()).toEqual([1, 2]);
  expect([opened.log, readdirSync(path)]).toEqual([[], []]);
});

test("moves a damaged file aside, and begins another", async () => {
  const file = join(path, "unitwatch.sqlite");
  {
    await using opened = await openQueue({ path, ...LONG });
    opened.push(upTo(12_500));
  }
  const damaged = readFileSync(file).fill(0xa5, 400_000, 460_000);
  writeFileSync(file, damaged);
  {
    await using opened = await openQueue({ path });
    expect(opened.log).toEqual([
      expect.stringMatching(/^level=warn msg="store damaged, moved aside"/),
    ]);
    expect(opened.queue.state).toEqual({ records: 0, bytes: 0, durable: true });
    opened.push([1]);
  }
  const aside = readdirSync(path).find((name) => name.includes(".damaged-")) ?? "";
  expect(readFileSync(join(path, aside)).equals(damaged)).toBe(true);
  await using next = await openQueue({ path });
  expect(await next.drain()).toEqual([1]);
});

test("leaves a file of a newer version alone, and keeps the queue in memory", async () => {
  const file = join(path, "unitwatch.sqlite");
  const newer = new DatabaseSync(file);
  newer.exec("CREATE TABLE other (a); PRAGMA user_version = 3");
  newer.close();
  const before = readFileSync(file);
  await using opened = await openQueue({ path });
  expect(opened.log).toEqual([
    expect.stringMatching(/^level=warn .*kept in memory.*written by a newer unitwatch: version 3/),
  ]);
  opened.push([1]);
  await opened.clock.advance(200);
  expect(opened.queue.state.durable).toBe(false);
  expect(await opened.drain()).toEqual([1]);
  expect(readFileSync(file).equals(before)).toBe(true);
});

test("keeps records in memory when another process has the file", async () => {
  await using first = await openQueue({ path });
  first.push([1]);
  await using second = await openQueue({ path });
  expect(second.log).toEqual([
    expect.stringMatching(/^level=warn .*kept in memory.*another process uses it/),
  ]);
  second.push([2]);
  await second.clock.advance(200);
  await first.clock.advance(200);
  expect([first.queue.state.durable, second.queue.state.durable]).toEqual([true, false]);
  expect([await first.drain(), await second.drain()]).toEqual([[1], [2]]);
});

test("sends the queue of another scope", async () => {
  {
    await using opened = await openQueue({ path, scope: "here" });
    opened.push([1]);
  }
  await using other = await openQueue({ path, scope: "elsewhere" });
  expect(await other.drain()).toEqual([1]);
});

test("migrates the file of a version without a queue", async () => {
  const former = new DatabaseSync(join(path, "resume.sqlite"));
  former.exec(`
    CREATE TABLE place (
      only INTEGER PRIMARY KEY, scope TEXT, begin_ns TEXT, last_ns TEXT, count INTEGER
    );
    CREATE TABLE seen (number INTEGER PRIMARY KEY, key TEXT NOT NULL);
    CREATE TABLE container (id TEXT PRIMARY KEY, resume TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO place VALUES (1, 'here', '5', '6', 1);
    INSERT INTO seen VALUES (0, 'key');
    PRAGMA user_version = 1`);
  former.close();
  {
    await using opened = await openQueue({ path });
    expect(opened.store.restored?.cursor).toEqual({
      beginNs: 5n,
      lastNs: 6n,
      seen: ["key"],
      count: 1,
    });
    opened.push([1]);
  }
  expect(readdirSync(path)).toEqual(["unitwatch.sqlite"]);
  await using next = await openQueue({ path });
  expect(await next.drain()).toEqual([1]);
});

test.each([1, 2, 3, 4, 5, 6])(
  "leases each record in order and completes it, or counts it as dropped (%d)",
  async (seed) => {
    const random = seededRandom(seed);
    let pushed = 0;
    let newest = -1;
    const disordered: unknown[] = [];
    for (let life = 0; life < 3; life += 1) {
      const opened = await openQueue({ path, maxBytes: 20_000 });
      const { disk, queue, clock } = opened;
      const { records } = queue.state;
      const first = pushed;
      let done = 0;
      let onLoan: number[] = [];
      let mostBytes = 0;
      for (let step = 0; step < 150; step += 1) {
        const dice = random(10);
        if (dice < 4) {
          const count = random(dice === 0 ? 2_000 : 300);
          opened.push(upTo(count, pushed));
          pushed += count;
        } else if (dice < 6) await clock.advance(random(1_000));
        else if (dice === 6) disk.commit = random(3) === 0 ? NO_ROOM : undefined;
        else if (onLoan.length === 0) {
          const batch = await opened.lease(random(5_000));
          onLoan = batch === undefined ? [] : numbersOf(batch);
        } else if (dice === 7) {
          queue.release();
          onLoan = [];
        } else {
          const count = dice === 8 ? onLoan.length : random(onLoan.length + 1);
          for (const number of onLoan.splice(0, count)) {
            // An assertion for each would take longer than all the rest.
            if (number <= newest) disordered.push([newest, number]);
            newest = number;
          }
          queue.done(count);
          done += count;
        }
        mostBytes = Math.max(mostBytes, queue.state.bytes);
      }
      queue.release();
      disk.commit = undefined;
      await clock.advance(10_000);
      await queue.flush();
      expect(disordered).toEqual([]);
      expect(mostBytes).toBeLessThanOrEqual(2 * 20_000 + 2_500);
      const left = queue.state.records;
      expect(done + total(opened.dropped) + left).toBe(records + (pushed - first));
      // A row that is complete in part is whole again in the next process.
      newest -= 512;
      await opened.store[Symbol.asyncDispose]();
    }
  },
);

function total(dropped: readonly string[]): number {
  return dropped.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
}
