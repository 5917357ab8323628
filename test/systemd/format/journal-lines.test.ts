import { expect, test } from "@jest/globals";
import { MAX_ENTRY_BYTES, type RunLines } from "../../../src/domain/journal.ts";
import { Redactor } from "../../../src/platform/data/redactor.ts";
import { parseExport } from "../../../src/systemd/format/exported-entry.ts";
import { linesArgs, runLines } from "../../../src/systemd/format/journal-lines.ts";
import { exported, exportedBySystemd, RUN } from "../../support/journal-export.ts";

const OTHER = "b".repeat(32);
const FIRST = "c".repeat(32);
const FAILURE = "d9b373ed55a64feb8242e02dbe79a49c";
const ASKED = { runs: [{ unit: "app.service", invocationId: RUN }], lines: 20 };
const NO_REDACTION = new Redactor([]);

function messagesOf(text: string): readonly string[] {
  return parseExport(text).map(({ message }) => message);
}

/** Returns the lines of the run, of entries the oldest first. */
function linesOf(
  entries: readonly string[],
  redactor = NO_REDACTION,
  invocationId = RUN,
): RunLines {
  const parsed = parseExport(entries.toReversed().join(""));
  const asked = { ...ASKED, runs: [{ unit: "app.service", invocationId }] };
  const [found] = runLines(parsed, asked, { isAll: true, redactor });
  if (found === undefined) throw new Error("no lines");
  return found;
}

function textsOf({ lines }: RunLines): readonly string[] {
  return lines.map(({ message }) => message);
}

test("asks for the run, for systemd's lines about it, and for lines without a run", () => {
  const args = linesArgs(ASKED);
  expect(args.slice(args.indexOf("--reverse"))).toEqual([
    "--reverse",
    "--lines=40",
    `_SYSTEMD_INVOCATION_ID=${RUN}`,
    "+",
    "_PID=1",
    `INVOCATION_ID=${RUN}`,
    "+",
    "_SYSTEMD_UNIT=app.service",
    "+",
    "_PID=1",
    "UNIT=app.service",
  ]);
});

test("asks for several runs at once, each unit once", () => {
  const runs = [RUN, OTHER].map((invocationId) => ({ unit: "app.service", invocationId }));
  const args = linesArgs({ runs, lines: 5 });
  expect(args.slice(args.indexOf("--reverse") + 1)).toEqual([
    "--lines=20",
    `_SYSTEMD_INVOCATION_ID=${RUN}`,
    `_SYSTEMD_INVOCATION_ID=${OTHER}`,
    "+",
    "_PID=1",
    `INVOCATION_ID=${RUN}`,
    `INVOCATION_ID=${OTHER}`,
    "+",
    "_SYSTEMD_UNIT=app.service",
    "+",
    "_PID=1",
    "UNIT=app.service",
  ]);
});

test("asks for the unit if the run isn't known, and for the run alone if nothing else has room", () => {
  const unknown = linesArgs({ runs: [{ unit: "app.service", invocationId: "" }], lines: 3 });
  expect(unknown.slice(-4)).toEqual([
    "_SYSTEMD_UNIT=app.service",
    "+",
    "_PID=1",
    "UNIT=app.service",
  ]);
  expect(linesArgs({ ...ASKED, isExact: true }).at(-1)).toBe(`INVOCATION_ID=${RUN}`);
  const until = linesArgs({ ...ASKED, isExact: true, untilNs: 1_700_000_000_500_000_000n });
  expect(until).toContain("--until=@1700000000.500000");
  expect(until).toContain("--lines=2000");
  expect(until.at(-1)).toBe("UNIT=app.service");
});

test("gives a run its lines when journald has them under an earlier run's id", () => {
  // RestartMode=direct with systemd 257: the id of the first run stays in the file that journald reads.
  const by = (id: string, pid: string, text: string) =>
    pid === "1"
      ? exportedBySystemd({ MESSAGE: text, INVOCATION_ID: id })
      : exported({ MESSAGE: text, _PID: pid, _SYSTEMD_INVOCATION_ID: id });
  const entries = [
    by(OTHER, "50", "first"),
    by(OTHER, "1", "first failed"),
    by(RUN, "1", "second started"),
    by(OTHER, "50", "first, late"),
    by(OTHER, "51", "second"),
    by(OTHER, "51", "second again"),
    by(RUN, "1", "second failed"),
  ];
  expect(textsOf(linesOf(entries))).toEqual([
    "second started",
    "second",
    "second again",
    "second failed",
  ]);
});

test.each([
  ["systemd's entries", [["1", OTHER, "second failed"]]],
  [
    "a line of the program",
    [
      ["51", FIRST, "second"],
      ["1", OTHER, "second failed"],
    ],
  ],
])("gives a run its lines when the answer begins after the earlier run with %s", (_, before) => {
  const entries = [
    ...before,
    ["1", RUN, "third started"],
    ["52", FIRST, "third"],
    ["1", RUN, "third failed"],
  ].map(([pid = "", id = "", text = ""]) =>
    pid === "1"
      ? exportedBySystemd({
          MESSAGE: text,
          INVOCATION_ID: id,
          MESSAGE_ID: text.endsWith("failed") ? FAILURE : "",
        })
      : exported({ MESSAGE: text, _PID: pid, _SYSTEMD_INVOCATION_ID: id }),
  );
  expect(textsOf(linesOf(entries))).toEqual(["third started", "third", "third failed"]);
  expect(textsOf(linesOf(entries, NO_REDACTION, FIRST))).toEqual([]);
});

test("reads an entry's fields", () => {
  const [line] = parseExport(exported({ MESSAGE: "hello=world", PRIORITY: "3" }));
  expect(line).toMatchObject({
    message: "hello=world",
    priority: 3,
    pid: 77,
    identifier: "app",
    unit: "app.service",
    invocationId: RUN,
    isFailure: false,
    isAltered: false,
  });
  expect(line?.cursor).toMatch(/^s=1;i=/);
});

test("reads systemd's entry as one about its unit", () => {
  const [line] = parseExport(exportedBySystemd({ MESSAGE: "failed", MESSAGE_ID: FAILURE }));
  expect(line).toMatchObject({ unit: "app.service", invocationId: RUN, isFailure: true });
});

test("doesn't believe another process's fields about units", () => {
  const [line] = parseExport(
    exported({ MESSAGE: "x", MESSAGE_ID: FAILURE, UNIT: "b.service", INVOCATION_ID: OTHER }),
  );
  expect(line).toMatchObject({ unit: "app.service", invocationId: RUN, isFailure: false });
});

test("reads messages of several lines, and binary ones", () => {
  const bad = Buffer.from([0x62, 0xff, 0xfe, 0x0a, 0x00, 0x63]);
  const text = exported({ MESSAGE: "one\ntwo\n\nthree" }) + exported({ MESSAGE: bad });
  expect(messagesOf(text)).toEqual(["one\ntwo\n\nthree", "b\ufffd\ufffd\n\0c"]);
  expect(parseExport(text).map(({ isAltered }) => isAltered)).toEqual([false, true]);
});

test("cuts a message of 1 MB at 16 KiB, between two characters", () => {
  const lines = linesOf([exported({ MESSAGE: "é".repeat(500_000) })]).lines;
  expect(Buffer.byteLength(lines[0]?.message ?? "")).toBeLessThanOrEqual(MAX_ENTRY_BYTES);
  expect(lines[0]?.message).toMatch(/^é{8190}…$/);
  expect(lines[0]?.isAltered).toBe(true);
});

test("keeps a message of 16 KiB as it is", () => {
  const message = "x".repeat(MAX_ENTRY_BYTES);
  expect(linesOf([exported({ MESSAGE: message })]).lines).toMatchObject([
    { message, isAltered: false },
  ]);
});

test("reads up to an entry that is cut, wherever that is", () => {
  const text = exported({ MESSAGE: "one" }) + exported({ MESSAGE: "two\nlines" });
  for (let length = 0; length < text.length; length += 1) {
    const messages = messagesOf(text.slice(0, length));
    expect(["", "one"]).toContain(messages.join());
  }
  expect(messagesOf(text)).toEqual(["one", "two\nlines"]);
});

test.each([
  ["a length that the output doesn't have", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffx\n\n"],
  ["an entry without a time", "__CURSOR=a\nMESSAGE=b\n\n"],
  ["an entry without a position", "__REALTIME_TIMESTAMP=1\nMESSAGE=b\n\n"],
  ["no entries", "\n\n\n=\n-- No entries --\n"],
])("reads no entry from %s", (_, text) => {
  expect(parseExport(text)).toEqual([]);
});

test("returns the last lines of the run, the oldest first", () => {
  const entries = Array.from({ length: 100 }, (_, at) => exported({ MESSAGE: `line ${at + 1}` }));
  const last = Array.from({ length: 20 }, (_, at) => `line ${at + 81}`);
  expect(textsOf(linesOf(entries))).toEqual(last);
});

test("leaves out lines of the unit's other runs, and of other units", () => {
  const lines = linesOf([
    exported({ MESSAGE: "before", _PID: "70", _SYSTEMD_INVOCATION_ID: OTHER }),
    exportedBySystemd({ MESSAGE: "Started" }),
    exported({ MESSAGE: "own" }),
    exported({ MESSAGE: "foreign", _SYSTEMD_UNIT: "b.service", _SYSTEMD_INVOCATION_ID: OTHER }),
    exported({ MESSAGE: "after", _PID: "70", _SYSTEMD_INVOCATION_ID: OTHER }),
  ]);
  expect(textsOf(lines)).toEqual(["Started", "own"]);
});

test("gives a line without a run to the run that the journal is at", () => {
  const late = { _SYSTEMD_INVOCATION_ID: undefined };
  const lines = linesOf([
    exportedBySystemd({ MESSAGE: "Started", INVOCATION_ID: OTHER }),
    exported({ MESSAGE: "of the other", ...late }),
    exportedBySystemd({ MESSAGE: "Started" }),
    exported({ MESSAGE: "own", ...late }),
  ]);
  expect(textsOf(lines)).toEqual(["Started", "own"]);
  expect(textsOf(linesOf([exported({ MESSAGE: "early", ...late }), exported({})]))).toEqual([
    "early",
    "",
  ]);
});

test("takes the newest run if none is known", () => {
  const parsed = parseExport(
    exported({ MESSAGE: "new" }) + exported({ MESSAGE: "old", _SYSTEMD_INVOCATION_ID: OTHER }),
  );
  const asked = { runs: [{ unit: "app.service", invocationId: "" }], lines: 20 };
  const [found] = runLines(parsed, asked, { isAll: true, redactor: NO_REDACTION });
  expect(found?.lines.map(({ message }) => message)).toEqual(["new"]);
});

test("is complete with as many lines as requested, or if an earlier run precedes them", () => {
  const isComplete = (lines: number, ...entries: readonly string[]): boolean | undefined =>
    runLines(
      parseExport(entries.toReversed().join("")),
      { ...ASKED, lines },
      {
        isAll: false,
        redactor: NO_REDACTION,
      },
    )[0]?.isComplete;
  const own = exported({ MESSAGE: "own" });
  const earlier = exported({ MESSAGE: "earlier", _SYSTEMD_INVOCATION_ID: OTHER });
  expect(isComplete(1, own)).toBe(true);
  expect(isComplete(2, own)).toBe(false);
  expect(isComplete(2, earlier, own)).toBe(true);
  expect(isComplete(2, earlier)).toBe(false);
});

test("replaces secrets in messages and identifiers, also across the bound of a message", () => {
  const redactor = new Redactor([/token-\w+/gu]);
  const padding = "x".repeat(MAX_ENTRY_BYTES - 10);
  const lines = linesOf(
    [
      exported({ MESSAGE: "a token-abc b", SYSLOG_IDENTIFIER: "token-id" }),
      exported({ MESSAGE: `${padding}token-abcdefghijklmnop` }),
    ],
    redactor,
  ).lines;
  expect(lines[0]).toMatchObject({ message: "a [redacted] b", identifier: "[redacted]" });
  expect(lines[0]?.isAltered).toBe(false);
  expect(lines[1]?.message).toBe(`${padding}[redacted]`);
});

test("requests and reads the entries of a user's manager, and of its units", () => {
  const args = linesArgs({ runs: [{ unit: "a.service", invocationId: "" }], lines: 2 }, "1000");
  const units = ["_SYSTEMD_OWNER_UID=1000", "_SYSTEMD_USER_UNIT=a.service"];
  const manager = ["_UID=1000", "_SYSTEMD_USER_UNIT=init.scope", "USER_UNIT=a.service"];
  expect(args.slice(args.indexOf("--lines=4") + 1)).toEqual([...units, "+", ...manager]);
  const own = exported({ _SYSTEMD_UNIT: "user@1000.service", _SYSTEMD_USER_UNIT: "a.service" });
  const about = exported({
    _SYSTEMD_UNIT: "user@1000.service",
    _SYSTEMD_USER_UNIT: "init.scope",
    USER_UNIT: "a.service",
    USER_INVOCATION_ID: "f".repeat(32),
    _PID: "77",
    MESSAGE_ID: "d9b373ed55a64feb8242e02dbe79a49c",
  });
  expect(parseExport(own + about, "1000")).toMatchObject([
    { unit: "a.service", isFailure: false },
    { unit: "a.service", isFailure: true, invocationId: "f".repeat(32) },
  ]);
  expect(parseExport(own)).toMatchObject([{ unit: "user@1000.service" }]);
});
