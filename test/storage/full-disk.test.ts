import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { openQueue, upTo } from "../support/opened-queue.ts";

/** A disk of 2 MiB needs root and tmpfs. */
const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const describeAsRoot = isRoot || process.env["CI"] !== undefined ? describe : describe.skip;

let disk: string;
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), "unitwatch-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]);
});
afterEach(() => {
  execFileSync("umount", ["--lazy", disk]);
  rmdirSync(disk);
});

/** Fills the disk except for so many bytes. */
function fillDisk(leave = 0): void {
  const { bavail, bsize } = statfsSync(disk);
  const bytes = Math.max(0, bavail * bsize - leave);
  writeFileSync(join(disk, "ballast"), Buffer.alloc(bytes));
}

describeAsRoot("a disk of 2 MiB", () => {
  test("loses nothing when the disk fills up and is freed", async () => {
    {
      await using opened = await openQueue({ path: disk });
      const { queue, clock } = opened;
      opened.push(upTo(1_000));
      await clock.advance(200);
      fillDisk();
      for (let number = 1_000; number < 60_000; number += 1_000) {
        opened.push(upTo(1_000, number));
        await clock.advance(200);
      }
      expect(queue.state).toMatchObject({ records: 60_000, durable: false });
      expect(opened.log).toEqual([expect.stringMatching(/^level=warn .*log records kept.*full/)]);
      rmSync(join(disk, "ballast"));
      await clock.advance(5_000);
      expect(queue.state).toMatchObject({ records: 60_000, durable: true });
      expect(opened.dropped).toEqual([]);
    }
    await using next = await openQueue({ path: disk });
    expect(await next.drain()).toEqual(upTo(60_000));
  });

  test("delivers once what is delivered while the disk is full", async () => {
    await using opened = await openQueue({ path: disk });
    const { queue, clock } = opened;
    opened.push(upTo(1_000));
    await clock.advance(200);
    fillDisk();
    opened.push(upTo(50_000, 1_000));
    await clock.advance(200);
    expect(await opened.drain()).toEqual(upTo(51_000));
    rmSync(join(disk, "ballast"));
    await clock.advance(5_000);
    expect(queue.state).toEqual({ records: 0, bytes: 0, durable: true });
    await opened.store[Symbol.asyncDispose]();
    await using next = await openQueue({ path: disk });
    expect(await next.drain()).toEqual([]);
  });

  test("uses a disk that was full at the start once it is freed", async () => {
    fillDisk();
    {
      await using opened = await openQueue({ path: disk });
      opened.push(upTo(10));
      await opened.clock.advance(200);
      expect(opened.queue.state).toMatchObject({ records: 10, durable: false });
      expect(opened.log).toEqual([expect.stringMatching(/^level=warn .*log records kept.*full/)]);
      rmSync(join(disk, "ballast"));
      await opened.clock.advance(5_000);
      expect(opened.queue.state).toMatchObject({ records: 10, durable: true });
    }
    await using next = await openQueue({ path: disk });
    expect(await next.drain()).toEqual(upTo(10));
  });
});
