import { expect, test } from "@jest/globals";
import type { JournalLine } from "../../../src/domain/journal.ts";
import { LastLines } from "../../../src/state/units/last-lines.ts";
import { journalLine } from "../../support/journal-line.ts";

const line = (message: string): JournalLine => journalLine(message);
const run = (unit: string, invocationId = "1") => ({ unit, invocationId });
const texts = (lines: readonly JournalLine[]) => lines.map(({ message }) => message);

test("has the last lines of each unit, replaced by those of its next run", () => {
  const lines = new LastLines(3);
  lines.add("a", { run: run("x"), order: 1, lines: [line("1"), line("2")] });
  lines.add("a", { run: run("y"), order: 1, lines: [line("other")] });
  lines.add("b", { run: run("x"), order: 1, lines: [line("elsewhere")] });
  expect(texts(lines.of("a", "x"))).toEqual(["1", "2"]);
  // The same run failed again.
  lines.add("a", { run: run("x"), order: 1, lines: [line("3"), line("4")] });
  expect(texts(lines.of("a", "x"))).toEqual(["2", "3", "4"]);
  lines.add("a", { run: run("x", "2"), order: 1, lines: [line("5")] });
  expect(texts(lines.of("a", "x"))).toEqual(["5"]);
  expect(lines.of("a", "z")).toEqual([]);
});

test("keeps the lines of a later run if those of an earlier one come after them", () => {
  const lines = new LastLines(3);
  lines.add("a", { run: run("x", "3"), order: 3, lines: [line("third")] });
  lines.add("a", { run: run("x", "2"), order: 2, lines: [line("second")] });
  expect(texts(lines.of("a", "x"))).toEqual(["third"]);
  lines.add("a", { run: run("x", "4"), order: 4, lines: [line("fourth")] });
  expect(texts(lines.of("a", "x"))).toEqual(["fourth"]);
});

test("forgets the lines of a container", () => {
  const lines = new LastLines(3);
  lines.add("a", { run: run("x"), order: 1, lines: [line("1")] });
  lines.add("ab", { run: run("x"), order: 1, lines: [line("2")] });
  lines.forget("a");
  expect(lines.of("a", "x")).toEqual([]);
  expect(texts(lines.of("ab", "x"))).toEqual(["2"]);
});

test("evicts the oldest past its bounds of units and of text", () => {
  const lines = new LastLines(1);
  for (let at = 0; at <= 2_000; at += 1)
    lines.add("a", { run: run(`u${at}`), order: 1, lines: [line("x")] });
  expect(lines.of("a", "u0")).toEqual([]);
  expect(lines.of("a", "u1")).toHaveLength(1);

  const large = new LastLines(1);
  const text = "x".repeat(1024 * 1024);
  for (let at = 0; at < 5; at += 1)
    large.add("a", { run: run(`u${at}`), order: 1, lines: [line(text)] });
  expect(large.of("a", "u0")).toEqual([]);
  expect(large.of("a", "u1")).toHaveLength(1);
});
