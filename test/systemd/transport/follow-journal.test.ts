import { beforeEach, expect, test } from "@jest/globals";
import type { FollowedEntries, JournalPosition } from "../../../src/domain/journal.ts";
import { Redactor } from "../../../src/platform/data/redactor.ts";
import { MARK } from "../../../src/systemd/format/mark.ts";
import { followJournal } from "../../../src/systemd/transport/follow-journal.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { InteractiveFakeProcess } from "../../support/interactive-fake-process.ts";
import { exported } from "../../support/journal-export.ts";
import { turns } from "../../support/turns.ts";

let taken: FollowedEntries[];
let process: InteractiveFakeProcess;
let command: readonly string[];
let user: string | undefined;
let end: AbortController;
let gate: PromiseWithResolvers<void>;

beforeEach(() => {
  taken = [];
  command = [];
  process = new InteractiveFakeProcess();
  end = new AbortController();
  gate = Promise.withResolvers();
  gate.resolve();
});

function follow(from: JournalPosition): Promise<string> {
  const follower = followJournal({
    runtime: {
      async exec(_container, given, options) {
        command = given;
        user = options.user;
        return process;
      },
    },
    container: "a1",
    clock: new FakeClock(),
    gate: { passed: () => gate.promise },
    redactor: new Redactor([/secret/gu]),
    isWanted: (unit) => unit === "app.service",
    at: () => ({ container: "a1", pid: 0 }),
    prefersHost: () => false,
  });
  const query = { from, take: (entries: FollowedEntries) => void taken.push(entries) };
  return follower({ ...query, signal: end.signal }).then(
    () => "",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

async function print(...entries: readonly string[]): Promise<void> {
  process.stdout.write(Buffer.from(entries.join(""), "latin1"));
  await turns();
}

function cursor(number: number, more = ""): string {
  return `s=a;i=${number}${more};b=b;m=${number};t=${number};x=${number}`;
}

const entry = (number: number, fields = {}): string =>
  exported({ __CURSOR: cursor(number), MESSAGE: `line ${number}`, ...fields });

const messages = (): readonly (readonly string[])[] =>
  taken.map(({ lines }) => lines.map(({ message }) => message));

test("begins at a time, with all that was written since", async () => {
  void follow({ sinceNs: 1_700_000_000_123_456_000n });
  await turns();
  expect(command.slice(0, 2)).toEqual(["sh", "-c"]);
  expect(command.slice(3, 8)).toEqual([MARK, "--follow", "--no-tail", "--no-pager", "--quiet"]);
  expect(command.at(-1)).toBe("--since=@1700000000.123456");
  expect(user).toBe("0:0");
  await print(entry(1), entry(2));
  expect(messages()).toEqual([["line 1", "line 2"]]);
  expect(taken[0]).toMatchObject({ cursor: cursor(2), isAfterGap: false });
});

test("goes on after an entry, which comes again and is left out", async () => {
  void follow({ cursor: cursor(1) });
  await turns();
  expect(command.at(-1)).toBe(`--cursor=${cursor(1)}`);
  await print(entry(1), entry(2));
  await print(entry(3));
  expect(messages()).toEqual([["line 2"], ["line 3"]]);
  expect(taken.map(({ isAfterGap }) => isAfterGap)).toEqual([false, false]);
});

test("knows the entry after journald has moved it to the disk", async () => {
  void follow({ cursor: cursor(1) });
  await turns();
  await print(entry(1, { __CURSOR: cursor(1, "ff") }), entry(2));
  expect(messages()).toEqual([["line 2"]]);
  expect(taken[0]?.isAfterGap).toBe(false);
});

test("reports a gap if the journal no longer has the entry, and leaves out nothing", async () => {
  void follow({ cursor: cursor(1) });
  await turns();
  await print(entry(5), entry(6));
  await print(entry(7));
  expect(messages()).toEqual([["line 5", "line 6"], ["line 7"]]);
  expect(taken.map(({ isAfterGap }) => isAfterGap)).toEqual([true, false]);
});

test("leaves out units that aren't wanted, and goes on after them", async () => {
  void follow({ sinceNs: 1n });
  await turns();
  await print(entry(1, { _SYSTEMD_UNIT: "other.service" }));
  expect(taken).toEqual([{ lines: [], cursor: cursor(1), isAfterGap: false }]);
});

test("cuts and redacts", async () => {
  void follow({ sinceNs: 1n });
  await turns();
  await print(entry(1, { MESSAGE: "a secret" }), entry(2, { MESSAGE: "m".repeat(20_000) }));
  const [first, second] = taken.flatMap(({ lines }) => lines);
  expect(first).toMatchObject({ message: "a [redacted]", isAltered: false });
  expect(second?.isAltered).toBe(true);
  expect(Buffer.byteLength(second?.message ?? "")).toBe(16 * 1024);
});

test("starts nothing in a container that boots", async () => {
  gate = Promise.withResolvers();
  const done = follow({ sinceNs: 1n });
  await turns();
  expect(command).toEqual([]);
  gate.resolve();
  await turns();
  expect(command).not.toEqual([]);
  end.abort();
  process.stdout.end();
  process.exit({ exitCode: 0 });
  expect(await done).toBe("");
});

test("ends the command by its input, and takes nothing more", async () => {
  const done = follow({ sinceNs: 1n });
  await turns();
  end.abort();
  expect(process.stdin.ended).toBe(true);
  await print(entry(1));
  process.stdout.end();
  process.exit({ exitCode: 137 });
  expect(await done).toBe("");
  expect(taken).toEqual([]);
  expect(process.kills).toBe(0);
});

test.each([
  [{ exitCode: 1, stderr: "Failed to open journal" }, "journalctl ended: Failed to open journal"],
  [{ exitCode: 0, stderr: "" }, "journalctl ended: exit code 0"],
])("rejects when journalctl ends", async (exit, why) => {
  const done = follow({ sinceNs: 1n });
  await turns();
  process.stdout.end();
  process.exit(exit);
  expect(await done).toBe(`JournalError: ${why}`);
});

test.each(["--file=/etc/shadow", "s=a;i=1;x=$(reboot)"])(
  "rejects %s as a cursor",
  async (invalid) => {
    const done = follow({ sinceNs: 1n });
    await turns();
    process.exit({ exitCode: 0 });
    await print(exported({ __CURSOR: invalid }));
    expect(await done).toBe("Error: journalctl's output has an invalid cursor");
    expect(taken).toEqual([]);
  },
);
