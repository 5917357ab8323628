import { mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { FollowedEntries, JournalPosition } from "../../../src/domain/journal.ts";
import type { CommandOutput } from "../../../src/domain/runtime.ts";
import { Redactor } from "../../../src/platform/data/redactor.ts";
import { Followed } from "../../../src/systemd/transport/followed.ts";
import { followFiles } from "../../../src/systemd/transport/follow-files.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { exported } from "../../support/journal-export.ts";
import { ContainerTree } from "../../support/systemd/container-tree.ts";
import { until } from "../../support/until.ts";

const FOLDER = `var/log/journal/${"0".repeat(32)}`;

let tree: ContainerTree;
let clock: FakeClock;
let end: AbortController;
let taken: FollowedEntries[];
let reads: number;
let answer: (text: string) => Partial<CommandOutput>;

beforeEach(async () => {
  tree = await ContainerTree.create();
  clock = new FakeClock();
  end = new AbortController();
  taken = [];
  reads = 0;
  answer = (text) => ({ stdout: text });
});
afterEach(() => tree[Symbol.asyncDispose]());

const us = (): number => clock.nowMs() * 1_000;

function cursor(number: number): string {
  return `s=a;i=${number.toString(16)};b=b;m=${number};t=${us().toString(16)};x=${number}`;
}

/** Entries of these numbers, as their journal has them now. */
const entries = (...numbers: readonly number[]): string =>
  numbers
    .map((number) =>
      exported({
        __CURSOR: cursor(number),
        __REALTIME_TIMESTAMP: String(us()),
        MESSAGE: String(number),
      }),
    )
    .join("");

async function write(name: string, text: string): Promise<void> {
  const file = join(tree.root, FOLDER, name);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text, "latin1");
  await utimes(file, clock.nowMs() / 1_000, clock.nowMs() / 1_000);
}

/** Follows; resolves when the first read has ended. */
async function follow(from: JournalPosition): Promise<{ readonly done: Promise<string> }> {
  const query = { from, take: (each: FollowedEntries) => void taken.push(each) };
  const followed = new Followed(query, { redactor: new Redactor([]), isWanted: () => true });
  const done = followFiles(followed, {
    at: () => tree.options,
    clock,
    signal: end.signal,
    async run(file) {
      reads += 1;
      const text = await readFile(file.path, "latin1");
      return { stdout: "", stderr: "", exitCode: 0, ...answer(text) };
    },
  }).catch((error: unknown) => String(error)) as Promise<string>;
  void done.then(() => (isDone = true));
  let isDone = false;
  await until(() => isDone || clock.pendingTimers > 0, 50_000);
  return { done };
}

/** Lets the next read begin, and waits until it has ended. */
async function next(): Promise<void> {
  await clock.advance(1_000);
  await until(() => clock.pendingTimers > 0, 50_000);
}

const numbers = (): readonly (readonly string[])[] =>
  taken.map(({ lines }) => lines.map(({ message }) => message));

test("passes on what was written since the read before, each entry once", async () => {
  const first = entries(1, 2);
  await write("system.journal", first);
  await follow({ sinceNs: clock.nowNs() });
  expect(numbers()).toEqual([["1", "2"]]);
  await write("system.journal", first + entries(3));
  await next();
  await next();
  expect(numbers()).toEqual([["1", "2"], ["3"]]);
  expect(taken.map(({ isAfterGap }) => isAfterGap)).toEqual([false, false]);
});

test("runs nothing while the journal is idle", async () => {
  const first = entries(1);
  await write("system.journal", first);
  await follow({ sinceNs: clock.nowNs() });
  for (let times = 0; times < 5; times += 1) await next();
  const before = reads;
  for (let times = 0; times < 20; times += 1) await next();
  expect(reads).toBe(before);
  await write("system.journal", first + entries(2));
  await next();
  expect(numbers().at(-1)).toEqual(["2"]);
});

test("keeps the journal's order over the files of users", async () => {
  await write("system.journal", entries(1, 4));
  await write("user-1000.journal", entries(2, 3));
  await follow({ sinceNs: clock.nowNs() });
  // An older entry could have come after its file was read.
  expect(numbers()).toEqual([]);
  await write("user-1000.journal", entries(2, 3, 6));
  await write("system.journal", entries(1, 4, 5));
  await next();
  expect(numbers()).toEqual([["1", "2", "3", "4"]]);
  await next();
  expect(numbers()).toEqual([
    ["1", "2", "3", "4"],
    ["5", "6"],
  ]);
});

test("goes on at once after a file with more than one read takes", async () => {
  const all = entries(1, 2, 3);
  await write("system.journal", all);
  answer = (text) =>
    reads === 1 ? { stdout: entries(1, 2), exitCode: undefined } : { stdout: text };
  await follow({ sinceNs: clock.nowNs() });
  expect(numbers()).toEqual([["1", "2"], ["3"]]);
});

test("reports a gap if the entry to go on from is gone", async () => {
  const known = cursor(1);
  await write("system.journal", entries(7, 8));
  await follow({ cursor: known });
  expect(numbers()).toEqual([["7", "8"]]);
  expect(taken[0]?.isAfterGap).toBe(true);
});

test("reports no gap if the entry to go on from was vacuumed, and the next one is there", async () => {
  const known = cursor(6);
  await write("system.journal", entries(7, 8));
  await follow({ cursor: known });
  expect(numbers()).toEqual([["7", "8"]]);
  expect(taken[0]?.isAfterGap).toBe(false);
});

test.each([
  [{ stdout: "", exitCode: 1, stderr: "newer" }, "the host's journalctl failed: newer"],
  [
    { stdout: "MESSAGE=half", exitCode: undefined },
    "an entry is too large for the host's journalctl",
  ],
])("leaves a journal that the host can't read to the container", async (output, why) => {
  await write("system.journal", "");
  answer = () => output;
  const { done } = await follow({ sinceNs: clock.nowNs() });
  expect(await done).toBe(`HostJournalError: ${why}`);
});
