import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { systemClock } from "../../src/platform/time/clock.ts";
import type { DiskSync } from "../../src/storage/disk-sync.ts";
import { storeFileName } from "../../src/storage/store-file.ts";
import { openStore } from "../../src/storage/store.ts";
import type { Store } from "../../src/storage/store.ts";
import { storeLink } from "../../src/storage/store-link.ts";
import { NO_SYNC, numbersOf, recordOf, upTo } from "../support/opened-queue.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { seededRandom } from "../support/seeded-random.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-link-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

const PLACE = { scope: "here", outlives: "power-cut", nowMs: 1 } as const;
const CURSOR = { beginNs: 1n, lastNs: 2n ** 60n, seen: ["key"], count: 1 };

function rowOf(seq: number, bytes = 1): { seq: number; count: number; bytes: Uint8Array } {
  return { seq, count: 1, bytes: new Uint8Array(bytes).fill(seq % 256) };
}

test("answers calls in their order", async () => {
  const link = await storeLink();
  const rows = [1, 2, 3].map((seq) => rowOf(seq));
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
    [rowOf(2)],
    { records: 1, bytes: 1, headSeq: 2, lastSeq: 3 },
  ]);
  await link.close();
  const again = await storeLink();
  expect(await again.open({ path, ...PLACE })).toMatchObject({ restored: { cursor: CURSOR } });
  await again.close();
});

test("rejects with a message when an operation fails", async () => {
  writeFileSync(join(path, "file"), "");
  const link = await storeLink();
  await expect(link.read(1)).rejects.toMatchObject({ message: "it isn't open", isFinal: false });
  await expect(link.open({ path: join(path, "file", "data"), ...PLACE })).rejects.toThrow(
    "ENOTDIR",
  );
  const first = await storeLink();
  await first.open({ path, ...PLACE });
  await expect(link.open({ path, ...PLACE })).rejects.toThrow("another process uses it");
  await Promise.all([first.close(), link.close()]);
  await expect(first.read(1)).rejects.toMatchObject({ message: "it isn't open", isFinal: false });
});

test("keeps a commit waiting, and no other work, until the disk has it", async () => {
  const disk = Promise.withResolvers<void>();
  const link = await storeLink(() => ({ ...NO_SYNC, journal: () => disk.promise }));
  await link.open({ path, ...PLACE });
  const done: string[] = [];
  const commit = link
    .commit({ rows: [rowOf(1)], resume: undefined })
    .then(() => done.push("commit"));
  const read = link.read(1).then((rows) => done.push(`${rows.length} read`));
  await new Promise(setImmediate);
  expect(done).toEqual([]);
  disk.resolve();
  await Promise.all([commit, read]);
  expect(done).toEqual(["commit", "1 read"]);
  await link.close();
});

test("waits for no disk when only the process may end", async () => {
  const syncs: string[] = [];
  const sync = { ...NO_SYNC, journal: () => Promise.resolve(void syncs.push("journal")) };
  const link = await storeLink(() => sync);
  await link.open({ path, ...PLACE, outlives: "crash" });
  // The first one, and one past 2 MiB.
  for (const seq of upTo(30))
    await link.commit({ rows: [rowOf(seq + 1, 2 ** 16)], resume: undefined });
  expect(syncs).toHaveLength(2);
  await link.close();
});

test("rejects everything once the disk has failed", async () => {
  let isBroken = false;
  const journal = () =>
    isBroken ? Promise.reject(new Error("EIO: i/o error")) : Promise.resolve();
  const link = await storeLink(() => ({ ...NO_SYNC, journal }));
  await link.open({ path, ...PLACE });
  await link.commit({ rows: [rowOf(1)], resume: undefined });
  isBroken = true;
  const failure = { message: "EIO: i/o error", isFinal: true };
  const rows = [rowOf(2)];
  await expect(link.commit({ rows, resume: undefined })).rejects.toMatchObject(failure);
  isBroken = false;
  await expect(link.read(1)).rejects.toMatchObject(failure);
  await expect(link.commit({ rows, resume: undefined })).rejects.toMatchObject(failure);
  await link.close();
});

/** A disk that has, of the files of a database, what was synced, and any part of later writes. */
class CutDisk implements DiskSync {
  readonly #name: string;
  readonly #random: (below: number) => number;
  readonly #certain = new Map<string, Buffer>();

  constructor(name: string, random: (below: number) => number) {
    this.#name = name;
    this.#random = random;
    // A new database is on the disk before it is used.
    for (const suffix of ["", "-wal"]) this.#sync(suffix);
  }

  cuts = 0;
  /** Called before the disk has what is awaited, with the files after a power cut. */
  check: (files: ReadonlyMap<string, Buffer>) => Promise<void> = () => Promise.resolve();

  journal(): Promise<void> {
    return this.#synced("-wal");
  }

  database(): Promise<void> {
    return this.#synced("");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #synced(suffix: string): Promise<void> {
    if (this.#random(3) === 0) {
      this.cuts += 1;
      await this.check(new Map(["", "-wal"].map((each) => [each, this.#afterCut(each)])));
    }
    this.#sync(suffix);
  }

  #sync(suffix: string): void {
    this.#certain.set(suffix, readFileSync(`${this.#name}${suffix}`));
  }

  /** Any block that was written since the last sync is there, or isn't. */
  #afterCut(suffix: string): Buffer {
    const now = readFileSync(`${this.#name}${suffix}`);
    const before = this.#certain.get(suffix) ?? Buffer.alloc(0);
    const length = this.#random(2) === 0 ? now.length : Math.min(before.length, now.length);
    const after = Buffer.alloc(length);
    before.copy(after);
    for (let at = 0; at < length; at += BLOCK_BYTES) {
      if (this.#random(2) === 0) now.copy(after, at, at, Math.min(at + BLOCK_BYTES, length));
    }
    return after;
  }
}

const BLOCK_BYTES = 4_096;
const SEEDS = [1, 2, 3, 4, 5];

test.each(SEEDS)("has every completed commit after a power cut at any time (%i)", async (seed) => {
  const random = seededRandom(seed);
  const disks: CutDisk[] = [];
  const link = await storeLink((name) => {
    const disk = new CutDisk(name, random);
    disks.push(disk);
    return disk;
  });
  await link.open({ path, ...PLACE });
  const sizes = new Map<number, number>();
  let head = 0;
  const [disk] = disks;
  if (disk === undefined) throw new Error("no disk");
  disk.check = async (files) => {
    const folder = mkdtempSync(join(path, "cut-"));
    for (const [suffix, bytes] of files) writeFileSync(`${storeFileName(folder)}${suffix}`, bytes);
    const cut = await storeLink(() => NO_SYNC);
    expect(await cut.open({ path: folder, ...PLACE })).toMatchObject({ setAside: undefined });
    const rows = new Map((await cut.read(2 ** 30)).map((row) => [row.seq, row.bytes]));
    const lost = [...sizes].filter(
      ([seq, bytes]) =>
        seq > head && Buffer.compare(rows.get(seq) ?? Buffer.of(), rowOf(seq, bytes).bytes) !== 0,
    );
    expect(lost).toEqual([]);
    await cut.close();
    rmSync(folder, { recursive: true });
  };
  for (let commits = 0; commits < 40; commits += 1) {
    const first = (commits + 1) * 100;
    const rows = upTo(random(6) + 1).map((at) => rowOf(first + at, random(60_000) + 1));
    await link.commit({ rows, resume: undefined });
    for (const { seq, bytes } of rows) sizes.set(seq, bytes.length);
    if (random(4) !== 0) continue;
    head = first;
    await link.drop(head);
  }
  await link.close();
  expect(disk.cuts).toBeGreaterThan(10);
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

test("leases everything once when it waits for a real disk", async () => {
  {
    await using store = await opened(path);
    for (const number of upTo(20_000)) store.queue?.push(recordOf(number));
    expect(await drained(store, 5_000)).toEqual(upTo(6_144));
  }
  await using store = await opened(path);
  expect(store.queue?.state.durable).toBe(true);
  expect(await drained(store, 13_856)).toEqual(upTo(13_856, 6_144));
});
