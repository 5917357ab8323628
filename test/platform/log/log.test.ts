import { expect, test } from "@jest/globals";
import type { LogFormat, Logger, LogLevel } from "../../../src/domain/log.ts";
import { createLogger } from "../../../src/platform/log/log.ts";
import { FakeClock } from "../../support/fake-clock.ts";

interface Recorded {
  readonly log: Logger;
  readonly clock: FakeClock;
  /** Everything written, as one text. */
  readonly text: () => string;
  /** While true, lines are dropped. */
  full: boolean;
}

function recorded(format: LogFormat, level: LogLevel = "info"): Recorded {
  let text = "";
  const clock = new FakeClock();
  const write = (line: string): boolean => {
    if (!result.full) text += line;
    return !result.full;
  };
  const log = createLogger({ level, format, clock, write });
  const result: Recorded = { log, clock, text: () => text, full: false };
  return result;
}

test("writes time, level and msg first in logfmt, then the fields in order", () => {
  const { log, text } = recorded("logfmt");
  log.info("listening", { address: "[::]:10558", count: 3, big: 2n ** 70n, on: true });
  expect(text()).toBe(
    "time=2026-01-01T00:00:00.000Z level=info msg=listening address=[::]:10558 count=3 big=1180591620717411303424 on=true\n",
  );
});

test("writes the same keys in json, and bigints as text", () => {
  const { log, text } = recorded("json");
  log.warn("two words", { n: 1.5, big: 5n, nan: Number.NaN, none: undefined });
  expect(text()).toBe(
    '{"time":"2026-01-01T00:00:00.000Z","level":"warn","msg":"two words","n":1.5,"big":"5","nan":"NaN"}\n',
  );
});

test("skips levels below the lowest", () => {
  const { log, text } = recorded("logfmt", "warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  expect(text().match(/msg=\w/g)).toEqual(["msg=c", "msg=d"]);
});

const HOSTILE =
  'a\nlevel=error msg="forged"\r\u001B[2J\u009B31m\u2028\u2029\u202E\u200B\uFEFF\0\u007F\uD800 "q" \\ =';

test.each(["logfmt", "json"] as const)("keeps hostile text on one line of %s", (format) => {
  const { log, text } = recorded(format);
  log.info(HOSTILE, { value: HOSTILE, ['bad key\n="']: 1, time: "fake", err: new Error(HOSTILE) });
  const line = text();
  expect(line.endsWith("\n")).toBe(true);
  expect(line.slice(0, -1)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  expect(line).toContain(
    String.raw`a\nlevel=error msg=\"forged\"\r\u001b[2J\u009b31m\u2028\u2029\u202e\u200b\ufeff\u0000\u007f\ud800 \"q\" \\ =`,
  );
  expect(line).toContain("bad_key___");
  expect(line).toContain("time_");
});

test("parses back to the same text when a json line has hostile text", () => {
  const { log, text } = recorded("json");
  log.info("m", { value: HOSTILE });
  expect(JSON.parse(text())).toMatchObject({ value: HOSTILE });
});

test("quotes a value in logfmt that could be read as two fields", () => {
  const { log, text } = recorded("logfmt");
  log.info("m", {
    space: "a b",
    equals: "a=b",
    empty: "",
    quote: "'",
    accent: "é",
    plain: "a,b/c",
  });
  expect(text()).toContain(`space="a b" equals="a=b" empty="" quote="'" accent="é" plain=a,b/c\n`);
});

test("cuts a long value", () => {
  const { log, text } = recorded("json");
  log.info("m", { value: "x".repeat(1_000_000), err: new Error("y".repeat(1_000_000)) });
  const { value, err } = JSON.parse(text()) as { value: string; err: string };
  expect(value).toBe(`${"x".repeat(2048)}…`);
  expect(err).toBe(`${"y".repeat(2048)}…`);
});

test("shows the causes of an error, each message once, however they are linked", () => {
  const { log, text } = recorded("logfmt");
  const refused = Object.assign(new AggregateError([new Error("::1 no"), new Error("127.1 no")]), {
    code: "ECONNREFUSED",
  });
  log.info("a", { err: new Error("can't send", { cause: refused }) });
  log.info("b", { err: new Error("can't read: EOF", { cause: new Error("EOF") }) });
  log.info("c", { err: new Error("outer", { cause: { code: 7 } }) });
  log.info("d", { err: Object.assign(new Error(""), { code: "EPIPE" }) });
  const circle = new Error("round");
  circle.cause = new Error("and", { cause: circle });
  log.info("e", { err: circle });
  expect(text().match(/err=.*/g)).toEqual([
    `err="can't send: ::1 no, 127.1 no"`,
    `err="can't read: EOF"`,
    'err="outer: { code: 7 }"',
    "err=EPIPE",
    'err="round: and"',
  ]);
});

test("adds a child's fields, overridden by those of the line", () => {
  const { log, text } = recorded("logfmt");
  log.child({ container: "c1", part: "x" }).child({ unit: "u" }).info("m", { part: "y" });
  expect(text()).toContain("msg=m container=c1 part=y unit=u\n");
});

test("passes one line of a key per interval when limited, with the number of suppressed ones", async () => {
  const { log, clock, text } = recorded("logfmt");
  for (let i = 0; i < 5; i++) log.limited("k").warn("noise", { i });
  log.limited("k").debug("not written, so not counted");
  log.limited("other").warn("noise", { key: "other" });
  log.child({ container: "c" }).limited("k").warn("noise");
  await clock.advance(59_999);
  log.limited("k").warn("noise", { i: 5 });
  await clock.advance(1);
  log.limited("k").warn("noise", { i: 6 });
  await clock.advance(60_000);
  log.limited("k", 10).warn("noise", { i: 7 });
  expect(text().match(/msg=noise.*/g)).toEqual([
    "msg=noise i=0",
    "msg=noise key=other",
    "msg=noise container=c",
    "msg=noise i=6 suppressed=5",
    "msg=noise i=7",
  ]);
});

test("reports dropped lines in the next one", () => {
  const result = recorded("logfmt");
  result.full = true;
  result.log.info("a");
  result.log.info("b");
  result.full = false;
  result.log.info("c");
  result.log.info("d");
  expect(result.text().match(/msg=.*/g)).toEqual(["msg=c lines_lost=2", "msg=d"]);
});
