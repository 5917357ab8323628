import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { CommandOutput } from "../../../src/domain/runtime.ts";
import { hostJournal } from "../../../src/systemd/transport/host-journal.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { ContainerTree } from "../../support/systemd/container-tree.ts";
import { until } from "../../support/until.ts";

const FAILURE = "d9b373ed55a64feb8242e02dbe79a49c";
const MACHINE = "0".repeat(32);
const FOLDER = `var/log/journal/${MACHINE}`;
const OLD = `system@${MACHINE}-0000000000000001-0006500000000000.journal`;

let tree: ContainerTree;
let clock: FakeClock;
let openFiles: readonly string[];
/** Names of the files that were read, and the arguments. */
let reads: { readonly text: string; readonly args: readonly string[] }[];
/** Prints the journal of a file with this text. */
let print: (text: string) => Partial<CommandOutput>;

beforeEach(async () => {
  tree = await ContainerTree.create();
  clock = new FakeClock();
  reads = [];
  print = (text) => ({ stdout: entry(text) });
  await mkdir(join(tree.root, FOLDER), { recursive: true });
  openFiles = readdirSync("/proc/self/fd");
});
afterEach(async () => {
  const left = readdirSync("/proc/self/fd").filter((fd) => !openFiles.includes(fd));
  await tree[Symbol.asyncDispose]();
  if (left.length > 0) throw new Error(`still open: ${left.join()}`);
});

/** A failure of the unit of this name, 1 s ago unless given. */
function entry(unit: string, agoMs = 1_000): string {
  return `${JSON.stringify({
    MESSAGE_ID: FAILURE,
    UNIT: unit,
    UNIT_RESULT: "exit-code",
    _SOURCE_REALTIME_TIMESTAMP: String(Math.round((clock.nowMs() - agoMs) * 1_000)),
  })}\n`;
}

/** Writes a file of the container, whose last write was so long ago. */
async function write(path: string, text: string, agoMs = 1_000): Promise<void> {
  const file = join(tree.root, path);
  await writeFile(file, text);
  const time = (clock.nowMs() - agoMs) / 1_000;
  await utimes(file, time, time);
}

/** Begins to read the last 10 s; resolves to the units, or to the error. */
function read(run = true): Promise<unknown> {
  const fake = async (file: { readonly path: string }, args: readonly string[]) => {
    const { readFile } = await import("node:fs/promises");
    const text = await readFile(file.path, "utf8");
    reads.push({ text, args });
    return { stdout: "", stderr: "", exitCode: 0, ...print(text) };
  };
  const { signal } = new AbortController();
  const sinceNs = clock.nowNs() - 10_000_000_000n;
  const reader = hostJournal({ at: () => tree.options, clock, ...(run ? { run: fake } : {}) });
  return reader({ sinceNs, signal }).then(
    (entries) => entries.map(({ unit }) => unit),
    (error: unknown) => error,
  );
}

/** Advances the clock until the work has ended. */
async function ended<T>(work: Promise<T>): Promise<T> {
  const now = { isDone: false };
  void work.then(() => (now.isDone = true));
  while (!now.isDone) {
    await clock.advance(20);
    await until(() => now.isDone || clock.pendingTimers > 0, 50_000);
  }
  return work;
}

test("reads the files of the gap, the oldest first, with the arguments of an exec", async () => {
  await write(`${FOLDER}/system.journal`, "new.service");
  await write(`${FOLDER}/${OLD}`, "old.service", 5_000);
  await write(`${FOLDER}/system@${MACHINE}-1-2.journal`, "ancient.service", 100_000);
  await write(`${FOLDER}/user-1000.journal`, "user.service");
  expect(await ended(read())).toEqual(["old.service", "new.service"]);
  expect(reads[0]?.args).toEqual(
    expect.arrayContaining(["--output=json", "_PID=1", `MESSAGE_ID=${FAILURE}`]),
  );
});

test("waits until journald has written nothing for 60 ms", async () => {
  await write(`${FOLDER}/system.journal`, "first.service", -30);
  const reading = read();
  await clock.advance(40);
  await write(`${FOLDER}/system.journal`, "second.service", 0);
  await clock.advance(40);
  expect(reads).toEqual([]);
  expect(await ended(reading)).toEqual(["second.service"]);
  expect(reads).toHaveLength(1);
});

test("reads a journal that is written to all the time until it has an entry from after the start", async () => {
  // Always a little in the future: never quiet.
  await write(`${FOLDER}/system.journal`, "busy.service", -60_000);
  print = (text) => ({ stdout: entry(text, reads.length < 2 ? 5_000 : 0) });
  expect(await ended(read())).toEqual(["busy.service"]);
  expect(reads).toHaveLength(2);
});

test("accepts what a busy journal has after 4 s", async () => {
  await write(`${FOLDER}/system.journal`, "busy.service", -60_000);
  print = (text) => ({ stdout: entry(text, 9_000) });
  expect(await ended(read())).toEqual(["busy.service"]);
  expect(reads).toHaveLength(4);
});

test.each([
  [
    "a file is a link out of the container",
    async (secret: string) => symlink(secret, join(tree.root, FOLDER, "system.journal")),
  ],
  [
    "the machine's folder is a link",
    async (secret: string) => {
      await rm(join(tree.root, FOLDER), { recursive: true });
      await symlink(join(secret, ".."), join(tree.root, FOLDER));
    },
  ],
  [
    "the journal's folder is a link",
    async (secret: string) => {
      await rm(join(tree.root, "var/log/journal"), { recursive: true });
      await symlink(join(secret, "../.."), join(tree.root, "var/log/journal"));
    },
  ],
  [
    "a file is a fifo",
    async () => execFileSync("mkfifo", [join(tree.root, FOLDER, "system.journal")]),
  ],
  ["a file is a folder", async () => mkdir(join(tree.root, FOLDER, "system.journal"))],
])("reads nothing when %s", async (_what, make) => {
  const outside = join(tree.outside, MACHINE);
  await mkdir(outside);
  await writeFile(join(outside, "system.journal"), "secret.service");
  await make(join(outside, "system.journal"));
  const result = await ended(read());
  expect(result instanceof Error || String(result) === "").toBe(true);
  expect(reads).toEqual([]);
});

test("fails, so that another way is tried, when the host's journalctl can't read a file", async () => {
  await write(`${FOLDER}/system.journal`, "new.service");
  print = () => ({ exitCode: 1, stderr: "Failed to open: Protocol not supported\n" });
  expect(await ended(read())).toMatchObject({ name: "HostJournalError" });
});

test("fails, so that another way is tried, when a folder has too many files", async () => {
  for (let i = 0; i < 17; i += 1) await write(`${FOLDER}/system@${i}-0-0.journal`, "a.service");
  expect(await ended(read())).toMatchObject({ name: "HostJournalError" });
  expect(reads).toEqual([]);
});

test("fails, so that no other way is tried, when the container has ended", async () => {
  await rm(join(tree.proc, "4242"), { recursive: true });
  expect(await ended(read())).toMatchObject({ name: "SocketError" });
});

/** Gives PID 1 a child of this name, in this state. */
async function addChild(name: string, state: string): Promise<void> {
  await mkdir(join(tree.proc, "4242/task/4242"), { recursive: true });
  await tree.write(4242, "task/4242/children", "4300 ");
  await mkdir(join(tree.proc, "4300"));
  await tree.write(4300, "stat", `4300 (${name}) ${state} 1`);
}

test("finds no journal when no journald runs, and nothing missed when one does", async () => {
  expect(await ended(read())).toEqual([]);
  await addChild("dbus-daemon", "S");
  expect(await ended(read())).toMatchObject({ name: "JournalError", isFinal: false });
  await tree.write(4300, "stat", "4300 (systemd-journal) S 1");
  expect(await ended(read())).toEqual([]);
});

test("reads nothing while journald is stopped", async () => {
  await write(`${FOLDER}/system.journal`, "new.service");
  await addChild("systemd-journal", "T");
  expect(await ended(read())).toMatchObject({ message: "journald is stopped" });
  expect(reads).toEqual([]);
});
