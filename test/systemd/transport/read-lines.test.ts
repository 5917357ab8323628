import { mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { RunLines } from "../../../src/domain/journal.ts";
import type { CommandOutput, ContainerRuntime } from "../../../src/domain/runtime.ts";
import { Redactor } from "../../../src/platform/data/redactor.ts";
import { lineReader } from "../../../src/systemd/transport/read-lines.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { exported, RUN } from "../../support/journal-export.ts";
import { ContainerTree } from "../../support/systemd/container-tree.ts";
import { until } from "../../support/until.ts";

type Run = ContainerRuntime["run"];

const FOLDER = `log/journal/${"0".repeat(32)}`;
const MAX_BYTES = 4 * 1024 * 1024;

let tree: ContainerTree;
let clock: FakeClock;
let commands: { readonly command: readonly string[]; readonly options: Parameters<Run>[2] }[];
let printed: Partial<CommandOutput>;
/** Output of the host's journalctl for a file of this text. */
let hostPrints: (text: string) => Partial<CommandOutput>;
let gatePasses: number;

beforeEach(async () => {
  tree = await ContainerTree.create();
  clock = new FakeClock();
  commands = [];
  printed = { stdout: `${exported({ MESSAGE: "one" })}end 0 0\n` };
  hostPrints = (text) => ({ stdout: text });
  gatePasses = 0;
});
afterEach(() => tree[Symbol.asyncDispose]());

/** Reads three lines; resolves to the messages, or to the error. */
async function read(options: { readonly onHost?: boolean } = {}): Promise<unknown> {
  const reader = lineReader({
    runtime: {
      async run(_container, command, runOptions) {
        commands.push({ command, options: runOptions });
        return { stdout: "", exitCode: 0, stderr: "", ...printed };
      },
    },
    container: tree.id,
    at: () => tree.options,
    clock,
    gate: {
      async passed() {
        gatePasses += 1;
      },
    },
    redactor: new Redactor([]),
    prefersHost: () => options.onHost === true,
    async run(file) {
      const text = await readFile(file.path, "latin1");
      return { stdout: "", stderr: "", exitCode: 0, ...hostPrints(text) };
    },
  });
  const reading = reader({
    runs: [{ unit: "app.service", invocationId: RUN }],
    lines: 3,
    atNs: clock.nowNs(),
    signal: new AbortController().signal,
  }).then(shown, (error: unknown) => error);
  const now = { isDone: false };
  void reading.then(() => (now.isDone = true));
  while (!now.isDone) {
    await until(() => now.isDone || clock.pendingTimers > 0, 50_000);
    if (!now.isDone) await clock.advance(20);
  }
  return reading;
}

function shown([first]: readonly RunLines[]): unknown {
  const messages = first?.lines.map(({ message }) => message);
  return first?.isComplete === true ? messages : { incomplete: messages };
}

/** Writes a journal file of the container, below `/run` or `/var`. */
async function write(path: string, text: string, agoMs = 1_000): Promise<void> {
  const file = join(tree.root, path);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text, "latin1");
  const time = (clock.nowMs() - agoMs) / 1_000;
  await utimes(file, time, time);
}

test("reads by one command in the container, as root, when systemd has booted", async () => {
  expect(await read()).toEqual(["one"]);
  expect(gatePasses).toBe(1);
  expect(commands).toHaveLength(1);
  const [{ command, options }] = commands as [(typeof commands)[0]];
  expect(command.slice(0, 2)).toEqual(["sh", "-c"]);
  expect(command).toContain(`_SYSTEMD_INVOCATION_ID=${RUN}`);
  expect(options).toMatchObject({ user: "0:0", encoding: "latin1" });
});

test("is incomplete when the output is cut", async () => {
  const all = exported({ MESSAGE: "one" }) + exported({ MESSAGE: "x".repeat(MAX_BYTES) });
  printed = { stdout: all.slice(0, MAX_BYTES) };
  expect(await read()).toEqual({ incomplete: ["one"] });
});

test.each([
  ["nothing", ""],
  ["exit code 1, as of a journal without entries", "end 1 0\n"],
])("finds no lines when journalctl prints %s", async (_, stdout) => {
  printed = { stdout: stdout || "end 0 0\n" };
  expect(await read()).toEqual([]);
});

test.each([
  ["journalctl is missing", { stdout: "end 127 127\n", stderr: "sh: 1: journalctl: not found" }],
  [
    "the shell is missing",
    { stdout: 'OCI runtime exec failed: exec: "sh": executable file not found', exitCode: 126 },
  ],
])("finds the journal unavailable for good when %s", async (_, output) => {
  printed = output;
  expect(await read()).toMatchObject({ name: "JournalError", isFinal: true });
});

test("finds the journal unavailable for now when no journald runs", async () => {
  printed = { stdout: "end 0 1\n", stderr: "Failed to connect: Connection refused" };
  expect(await read()).toMatchObject({ name: "JournalError", isFinal: false });
});

test("reads the lines of a journald that has ended", async () => {
  printed = { stdout: `${exported({ MESSAGE: "one" })}end 0 1\n` };
  expect(await read()).toEqual(["one"]);
});

test("fails when the command was killed", async () => {
  printed = { stdout: exported({ MESSAGE: "one" }), exitCode: undefined };
  expect(await read()).toMatchObject({ message: expect.stringContaining("no end") });
});

test.each(["run", "var"])("reads the files of /%s by the host's journalctl", async (top) => {
  const old = exported({ MESSAGE: "old" });
  await write(`${top}/${FOLDER}/system.journal`, exported({ MESSAGE: "new" }));
  await write(`${top}/${FOLDER}/system@${"0".repeat(32)}-1-2.journal`, old, 60_000);
  // Of a service that runs as such a user.
  await write(`${top}/${FOLDER}/user-1000.journal`, exported({ MESSAGE: "newest" }));
  expect(await read({ onHost: true })).toEqual(["old", "new", "newest"]);
  expect(commands).toEqual([]);
});

test("takes the lines that were written last when the clock was set back", async () => {
  const line = (number: number, seconds: number): string =>
    exported({
      __CURSOR: `s=1;i=${number};b=2;m=3;t=4;x=5`,
      __REALTIME_TIMESTAMP: String(1_700_000_000_000_000 + seconds * 1_000_000),
      MESSAGE: String(number),
    });
  await write(`run/${FOLDER}/system.journal`, line(4, 60) + line(2, 200) + line(1, 100));
  await write(`run/${FOLDER}/user-1000.journal`, line(3, 50));
  expect(await read({ onHost: true })).toEqual(["2", "3", "4"]);
});

test("finds nothing in the files of a node whose journal was vacuumed", async () => {
  expect(await read({ onHost: true })).toEqual([]);
});

test("bounds what the host's journalctl prints", async () => {
  await write(`var/${FOLDER}/system.journal`, "");
  hostPrints = () => ({ stdout: exported({ MESSAGE: "one" }), exitCode: undefined });
  expect(await read({ onHost: true })).toEqual({ incomplete: ["one"] });
});

test("reads by a command when the host can't read the files", async () => {
  await write(`var/${FOLDER}/system.journal`, "");
  hostPrints = () => ({ exitCode: 1, stderr: "Journal file uses an unsupported feature" });
  expect(await read({ onHost: true })).toEqual(["one"]);
  expect(gatePasses).toBe(1);
});
