import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { FollowedEntries, JournalPosition } from "../../../src/domain/journal.ts";
import type { Process } from "../../../src/domain/process.ts";
import type { CommandOutput } from "../../../src/domain/runtime.ts";
import { Redactor } from "../../../src/platform/data/redactor.ts";
import { Followed } from "../../../src/systemd/transport/followed.ts";
import { followFiles } from "../../../src/systemd/transport/follow-files.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { exported } from "../../support/journal-export.ts";
import { ContainerTree } from "../../support/systemd/container-tree.ts";
import { until } from "../../support/until.ts";

const FOLDER = `var/log/journal/${"0".repeat(32)}`;

const NUMBERS = Array.from({ length: 20 }, (_, at) => at + 2);

let tree: ContainerTree;
let clock: FakeClock;
let end: AbortController;
let taken: FollowedEntries[];
let reads: number;
let answer: (text: string, args: readonly string[]) => Partial<CommandOutput>;

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

/** Returns a journalctl that prints this. */
function processOf(output: Partial<CommandOutput>): Process {
  const { stdout, exitCode, stderr } = { stdout: "", exitCode: 0, stderr: "", ...output };
  const pieces = stdout.match(/[^]{1,4096}/g) ?? [];
  const exited = Promise.resolve({ exitCode, signal: undefined, stderr });
  return {
    stdout: Readable.from(pieces.map((piece) => Buffer.from(piece, "latin1"))),
    kill: () => true,
    exited,
  };
}

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
    start(file, args) {
      reads += 1;
      return processOf(answer(readFileSync(file.path, "latin1"), args));
    },
  }).catch((error: unknown) => String(error)) as Promise<string>;
  void done.then(() => (isDone = true));
  let isDone = false;
  await until(() => isDone || clock.pendingTimers > 0, 50_000);
  return { done };
}

/** Lets the next read begin, and waits until it has ended. */
async function next(): Promise<void> {
  await clock.advance(clock.nextTimerMs ?? 0);
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

test("reads less often while it finds a few entries each time", async () => {
  const pauses: (number | undefined)[] = [];
  await write("system.journal", entries(1));
  await follow({ sinceNs: clock.nowNs() });
  for (let number = 2; number <= 5; number += 1) {
    pauses.push(clock.nextTimerMs);
    await write("system.journal", entries(...NUMBERS.slice(0, number)));
    await next();
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 4_000]);
  for (let times = 0; times < 3; times += 1) await next();
  expect(clock.nextTimerMs).toBe(1_000);
});

test("keeps the journal's order over the files of users", async () => {
  await write("system.journal", entries(1, 4));
  await write("user-1000.journal", entries(2, 3));
  await follow({ sinceNs: clock.nowNs() });
  const texts = (): readonly string[] => numbers().flat();
  expect(texts()).toEqual(["1", "2", "3", "4"]);
  await write("user-1000.journal", entries(2, 3, 6));
  await write("system.journal", entries(1, 4, 5));
  await next();
  // An older entry could have come after its file was read.
  expect(texts()).toEqual(["1", "2", "3", "4"]);
  await next();
  expect(texts()).toEqual(["1", "2", "3", "4", "5", "6"]);
});

test("passes no entry before an older one of a file that began meanwhile", async () => {
  await write("system.journal", entries(1));
  await follow({ sinceNs: clock.nowNs() });
  await write("system.journal", entries(1, 2, 4));
  answer = (stdout) => {
    answer = (text) => ({ stdout: text });
    mkdirSync(join(tree.root, FOLDER), { recursive: true });
    writeFileSync(join(tree.root, FOLDER, "user-1000.journal"), entries(3), "latin1");
    return { stdout };
  };
  await next();
  expect(numbers().flat()).toEqual(["1"]);
  await next();
  expect(numbers().flat()).toEqual(["1", "2", "3", "4"]);
});

test("reads a backlog of any size in one run", async () => {
  const all = Array.from({ length: 4_000 }, (_, at) => at + 1);
  await write("system@1-1-1.journal", entries(...all.slice(0, 3_000)));
  await write("system.journal", entries(...all.slice(3_000)));
  await follow({ sinceNs: clock.nowNs() });
  expect(numbers().flat()).toEqual(all.map(String));
  // One of each file shows the newest entry.
  expect(reads).toBe(4);
});

/** More than one read is sure of by looks at the files. */
const BACKLOG = Array.from({ length: 3_000 }, (_, at) => at + 2);

test("reads the newest entry of a long backlog once, and none of it twice", async () => {
  await write("system.journal", entries(1));
  await follow({ sinceNs: clock.nowNs() });
  await write("system.journal", entries(1, ...BACKLOG));
  reads = 0;
  await next();
  expect(numbers().flat()).toEqual(["1", ...BACKLOG.map(String)]);
  expect(reads).toBe(2);
});

test("passes nothing of a long backlog on once another file began", async () => {
  const other = 2_500;
  await write("system.journal", entries(1));
  await follow({ sinceNs: clock.nowNs() });
  await write("system.journal", entries(1, ...BACKLOG.filter((number) => number !== other)));
  answer = (stdout, args) => {
    // The newest entry is read after two looks.
    if (args.includes("--lines=1")) {
      answer = (text) => ({ stdout: text });
      writeFileSync(join(tree.root, FOLDER, "user-1000.journal"), entries(other), "latin1");
    }
    return { stdout };
  };
  await next();
  const passed = numbers().flat().length;
  expect(passed).toBeGreaterThan(500);
  expect(passed).toBeLessThan(other);
  await next();
  expect(numbers().flat()).toEqual(["1", ...BACKLOG.map(String)]);
});

test("reads again at once when more was written than it can be sure of", async () => {
  const all = Array.from({ length: 6_000 }, (_, at) => at + 2);
  await write("system.journal", entries(1));
  await write("user-1000.journal", "");
  await follow({ sinceNs: clock.nowNs() });
  await write("system.journal", entries(1, ...all));
  await next();
  expect(numbers().flat()).toEqual(["1", ...all.map(String)]);
});

/** Journal entries 1 to 10: before the fourth the clock was set back an hour, later two hours ahead, and back. */
const STEPS = readFileSync(
  new URL("../../fixtures/journal/clock-step.export", import.meta.url),
  "latin1",
)
  .split("\n\n")
  .slice(0, -1)
  .map((entry) => `${entry}\n\n`);

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])(
  "goes on after entry %i of a journal whose clock was set, in two files",
  async (from) => {
    const written = Date.parse("2026-11-22T10:22:19Z");
    await clock.advance(written - clock.nowMs());
    await write("system@1-1-1.journal", STEPS.slice(0, 3).join(""));
    await write("system.journal", STEPS.slice(3).join(""));
    answer = (text, args) => {
      // As journalctl does, by the number: from the entry of the cursor on, or all of a later file.
      const number = Number.parseInt(/;i=([0-9a-f]+)/.exec(args.at(-1) ?? "")?.[1] ?? "0", 16);
      const has = STEPS.filter((entry, at) => at + 1 >= number && text.includes(entry));
      return { stdout: args.includes("--lines=1") ? (has.at(-1) ?? "") : has.join("") };
    };
    await follow({ cursor: /^__CURSOR=(.*)/.exec(STEPS[from - 1] ?? "")?.[1] ?? "" });
    const later = STEPS.map((_, at) => String(at + 1)).slice(from);
    expect(numbers().flat()).toEqual(later);
    expect(taken.every(({ isAfterGap }) => !isAfterGap)).toBe(true);
  },
);

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
  [{ stdout: "", exitCode: undefined, stderr: "killed" }, "the host's journalctl failed: killed"],
])("leaves a journal that the host can't read to the container", async (output, why) => {
  await write("system.journal", "");
  answer = () => output;
  const { done } = await follow({ sinceNs: clock.nowNs() });
  expect(await done).toBe(`HostJournalError: ${why}`);
});
