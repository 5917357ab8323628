import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { JournalEntry } from "../../../src/domain/systemd.ts";
import { MARK } from "../../../src/systemd/format/mark.ts";
import { parseJournal, readJournal } from "../../../src/systemd/format/journal.ts";
import { FakeRuntime, type JournalAnswer } from "../../support/systemd/fake-runtime.ts";

const RECORDED = readFileSync(
  new URL("../../fixtures/journal/journal.jsonl", import.meta.url),
  "utf8",
);
const FAILURE = "d9b373ed55a64feb8242e02dbe79a49c";
const RESTART = "5eb03494b6584870a536b337290809b3";
const NOW_NS = 1_800_000_000_000_000_000n;
const CLOCK = { nowNs: () => NOW_NS };
const RUN = "0123456789abcdef0123456789abcdef";

function lineOf(fields: Readonly<Record<string, unknown>>): string {
  const most = { MESSAGE_ID: FAILURE, UNIT: "a.service", UNIT_RESULT: "signal" };
  const times = {
    __REALTIME_TIMESTAMP: "1700000000000009",
    _SOURCE_REALTIME_TIMESTAMP: "1700000000000001",
  };
  return JSON.stringify({ ...most, INVOCATION_ID: RUN, ...times, ...fields });
}

const ENTRY: JournalEntry = {
  kind: "failure",
  unit: "a.service",
  result: "signal",
  restarts: undefined,
  invocationId: RUN,
  timeNs: 1_700_000_000_000_001_000n,
};

function read(
  answer: JournalAnswer,
  options: { readonly sync?: JournalAnswer; readonly sinceNs?: bigint } = {},
): { readonly entries: Promise<readonly JournalEntry[]>; readonly runtime: FakeRuntime } {
  const runtime = new FakeRuntime();
  runtime.journal = answer;
  runtime.sync = options.sync ?? {};
  const { signal } = new AbortController();
  const sinceNs = options.sinceNs ?? 0n;
  return {
    entries: readJournal({ runtime, container: "c0ffee", sinceNs, clock: CLOCK, signal }),
    runtime,
  };
}

test("reads the failures and restarts in systemd 252's journal", () => {
  const entries = parseJournal(RECORDED, NOW_NS);
  expect(entries).toHaveLength(RECORDED.trimEnd().split("\n").length);
  expect(entries[0]).toEqual({
    kind: "failure",
    unit: "crash-loop.service",
    result: "exit-code",
    restarts: undefined,
    invocationId: "178a98ec6d1d4ae5ac41a27c7c1ecb93",
    timeNs: 1_795_348_392_521_189_000n,
  });
  expect(entries[2]).toEqual({
    kind: "restart",
    unit: "crash-loop.service",
    result: undefined,
    restarts: 1,
    invocationId: "178a98ec6d1d4ae5ac41a27c7c1ecb93",
    timeNs: 1_795_348_392_625_123_000n,
  });
  const loop = entries.filter(({ unit }) => unit === "crash-loop.service");
  expect(loop.map(({ kind, restarts }) => restarts ?? kind).join(" ")).toBe(
    "failure 1 failure 2 failure 3 failure 4 failure 5 failure failure",
  );
  const last = loop.slice(-4).map(({ invocationId }) => invocationId);
  expect(new Set(last).size).toBe(1);
  const others = entries.filter(({ unit }) => unit !== "crash-loop.service");
  expect(others.map(({ unit, result }) => `${unit} ${result}`)).toEqual([
    "odd@a\\x2db.service exit-code",
    "dump.service exit-code",
    "slow-stop.service timeout",
  ]);
});

test("has journald write first, and then requests no more than needed", async () => {
  const { entries, runtime } = read({}, { sinceNs: 1_700_000_000_000_123_999n });
  expect(await entries).toEqual([]);
  const script = ["sh", "-c", 'journalctl "$@"; echo "end $?"', MARK];
  expect(runtime.commands).toEqual([
    { command: [...script, "--sync"], user: "0:0" },
    {
      command: [
        ...script,
        "--no-pager",
        "--quiet",
        "--output=json",
        "--output-fields=MESSAGE_ID,UNIT,UNIT_RESULT,N_RESTARTS,INVOCATION_ID,_SOURCE_REALTIME_TIMESTAMP",
        "--since=@1700000000.000123",
        "_PID=1",
        `MESSAGE_ID=${FAILURE}`,
        `MESSAGE_ID=${RESTART}`,
      ],
      user: "0:0",
    },
  ]);
});

test.each([
  [1_700_000_000_000_000_000n, "1700000000.000000", 2],
  [1_700_000_000_000_001_000n, "1700000000.000001", 2],
  [1_700_000_000_000_001_001n, "1700000000.000001", 1],
  [1_700_000_000_000_002_000n, "1700000000.000002", 1],
  [1_700_000_000_000_002_001n, "1700000000.000002", 0],
])("returns entries from %s ns on", async (sinceNs, seconds, count) => {
  const second = lineOf({ _SOURCE_REALTIME_TIMESTAMP: "1700000000000002" });
  const { entries, runtime } = read({ stdout: `${lineOf({})}\n${second}\n` }, { sinceNs });
  expect(await entries).toHaveLength(count);
  expect(runtime.commands[1]?.command).toContain(`--since=@${seconds}`);
});

test("returns no entries when journalctl finds none and exits with 1", async () => {
  expect(await read({ exitCode: 1 }).entries).toEqual([]);
  expect(await read({ exitCode: 0 }).entries).toEqual([]);
});

test.each<[string, JournalAnswer, RegExp]>([
  [
    "fails with words",
    { exitCode: 1, stderr: "No journal files were opened\n" },
    /No journal files were opened$/,
  ],
  ["fails in the midst", { exitCode: 1, stdout: `${lineOf({})}\n` }, /journalctl failed/],
  [
    "isn't there",
    { exitCode: 126, stdout: "OCI runtime exec failed: …" },
    /OCI runtime exec failed/,
  ],
  ["is killed", { exitCode: undefined }, /journalctl failed/],
  ["says too much", new Error("its output is larger than 67108864 bytes"), /larger than/],
])("journalctl that %s is an error", async (_what, answer, why) => {
  await expect(read(answer).entries).rejects.toThrow(why);
});

test("fails when output was cut off, whatever the exit code", async () => {
  const { signal } = new AbortController();
  for (const stdout of ["", `${lineOf({})}\n`, `${lineOf({})}\nend`, "end 0 \n"]) {
    const runtime = { run: async () => ({ stdout, exitCode: 0, stderr: "" }) };
    const entries = readJournal({
      runtime,
      container: "c0ffee",
      sinceNs: 0n,
      clock: CLOCK,
      signal,
    });
    await expect(entries).rejects.toThrow("journalctl failed");
  }
});

test("fails when no journald runs and the journal is empty", async () => {
  const sync = { exitCode: 1, stderr: "Failed to connect: Connection refused\n" };
  await expect(read({}, { sync }).entries).rejects.toThrow(/--sync failed: .* Connection refused$/);
  expect(await read({ stdout: lineOf({}) }, { sync }).entries).toEqual([ENTRY]);
});

test("stops reading when aborted", async () => {
  const runtime = new FakeRuntime();
  runtime.journal = new Promise(() => {});
  const abort = new AbortController();
  const { signal } = abort;
  const entries = readJournal({ runtime, container: "c0ffee", sinceNs: 0n, clock: CLOCK, signal });
  const reason = new Error("enough");
  setImmediate(() => abort.abort(reason));
  await expect(entries).rejects.toBe(reason);
});

test.each([
  ["no JSON", "{"],
  ["no object", "[]"],
  ["nothing", "{}"],
  ["another message", lineOf({ MESSAGE_ID: "f".repeat(32) })],
  ["a list of messages", lineOf({ MESSAGE_ID: [FAILURE, RESTART] })],
  ["no unit", lineOf({ UNIT: undefined })],
  ["an empty unit", lineOf({ UNIT: "" })],
  ["a unit that is binary", lineOf({ UNIT: [97, 255, 98] })],
  ["a unit that is too long", lineOf({ UNIT: "x".repeat(256) })],
  ["no time", lineOf({ _SOURCE_REALTIME_TIMESTAMP: undefined, __REALTIME_TIMESTAMP: undefined })],
  ["a time that is a number", lineOf({ _SOURCE_REALTIME_TIMESTAMP: 1, __REALTIME_TIMESTAMP: 1 })],
  ["an invalid time", lineOf({ _SOURCE_REALTIME_TIMESTAMP: "-1" })],
  ["a time without end", lineOf({ _SOURCE_REALTIME_TIMESTAMP: "9".repeat(19) })],
  ["fields of its prototype", `{"__proto__":${lineOf({})}}`],
  ["more than a line may hold", lineOf({ MORE: "x".repeat(1_100_000) })],
])("a line with %s is left out, and the others are read", (_what, line) => {
  expect(parseJournal(`${lineOf({})}\n${line}\n${lineOf({})}\n`, NOW_NS)).toEqual([ENTRY, ENTRY]);
});

test.each<[string, Record<string, unknown>, Partial<JournalEntry>]>([
  ["the prototype set", { __proto__: { UNIT: "b.service" } }, {}],
  [
    "no time of its source",
    { _SOURCE_REALTIME_TIMESTAMP: "" },
    { timeNs: 1_700_000_000_000_009_000n },
  ],
  ["no run", { INVOCATION_ID: undefined }, { invocationId: "" }],
  ["an invalid run", { INVOCATION_ID: "x".repeat(32) }, { invocationId: "" }],
  ["no result", { UNIT_RESULT: undefined }, { result: undefined }],
  ["an invalid result", { UNIT_RESULT: "no word\n" }, { result: undefined }],
  ["half a character in its name", { UNIT: "a\ud800.service" }, { unit: "a\ufffd.service" }],
  ["a number", { N_RESTARTS: "999999999" }, { restarts: 999_999_999 }],
  ["a number that is too high", { N_RESTARTS: "1000000000" }, {}],
])("an entry with %s", (_what, fields, expected) => {
  expect(parseJournal(lineOf(fields), NOW_NS)).toEqual([{ ...ENTRY, ...expected }]);
});

test("leaves out a line whose time is far ahead", () => {
  const farAhead = String((NOW_NS + 86_401_000_000_000n) / 1_000n);
  const ahead = String((NOW_NS + 86_399_000_000_000n) / 1_000n);
  const timesOf = (said: string): bigint[] => {
    const times = { _SOURCE_REALTIME_TIMESTAMP: said };
    return parseJournal(lineOf(times), NOW_NS).map(({ timeNs }) => timeNs);
  };
  expect(timesOf(ahead)).toEqual([NOW_NS + 86_399_000_000_000n]);
  expect(timesOf(farAhead)).toEqual([]);
  expect(timesOf("9".repeat(18))).toEqual([]);
});

test("reads what a user's manager wrote about its units, and nothing about the system's", () => {
  const own = { UNIT: undefined, INVOCATION_ID: undefined };
  const line = lineOf({ ...own, USER_UNIT: "a.service", USER_INVOCATION_ID: RUN });
  expect(parseJournal(`${line}\n${lineOf({})}\n`, NOW_NS, "1000")).toEqual([ENTRY]);
  expect(parseJournal(`${line}\n`, NOW_NS)).toEqual([]);
});
