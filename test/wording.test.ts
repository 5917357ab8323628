import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { AVOIDED_WORDS, inWords } from "../docs/generate/wording.ts";

const ROOT = join(import.meta.dirname, "..");

/** Folders and files whose text is checked. */
const CHECKED = [
  "*.md",
  ".ci/*",
  "Dockerfile",
  "deploy/**/*",
  "docs/**/*.{md,ts,1}",
  "package.json",
  "src/**/*.ts",
  "test/**/*.{ts,md}",
];

interface AllowedLine {
  readonly file: RegExp;
  readonly line: RegExp;
  readonly reason: string;
}

/** Lines that may have an avoided word. */
const ALLOWED: readonly AllowedLine[] = [
  {
    file: /./,
    line: /\bnobody\b.*65534|(?:as|user|User=) ?nobody\b|nobody\.invalid|org\.example\.Nobody/,
    reason: "the user nobody, or a made-up name",
  },
  {
    file: /^deploy\/|^test\/deploy\//,
    line: /unitwatch-?not-?told/i,
    reason: "the name of an alert, which stays",
  },
  { file: /otel-collector/, line: /^\s+readers:$/, reason: "a key of the collector" },
  {
    file: /^src\/(?:domain|state|storage)\/|^test\/(?:engine|state|storage)\//,
    line: /\blives\b/,
    reason: "a member of the stored resume point",
  },
  {
    file: /^(?:src|test)\/(?:bench|commands|engine|library|otlp|platform|support|systemd)\//,
    line: /\breader(?:s|Of)?\b/,
    reason: "the consumer of a byte stream, or a parser",
  },
  {
    file: /^(?:src|test)\/systemd\/dbus\//,
    line: /\.leave\(/,
    reason: "leaves the container that a reader has entered",
  },
  { file: /^test\//, line: /\b(?:engine|stream)\.lose\(/, reason: "loses a stream" },
  {
    file: /^docs\/generate\/wording\.ts$|^test\/wording\.test\.ts$/,
    line: /./,
    reason: "the list and its test",
  },
];

/** Returns the lines of a file, a comment's first line joined to its opening. */
function linesOf(file: string): readonly string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return withoutQuotes(text)
    .split("\n")
    .map((line, at, lines) =>
      /^\s*\/\*\*?$/.test(lines[at - 1] ?? "") ? line.replace("*", "/**") : line,
    );
}

/** Removes the tables that quote avoided words: the glossary's, and that of old log messages. */
function withoutQuotes(text: string): string {
  return text
    .replace(/<!-- generated: words to avoid -->[^]*?<!-- end of words to avoid -->/, "")
    .replace(/<!-- old log messages -->[^]*?<!-- end of old log messages -->/, "");
}

function findingsIn(file: string): readonly string[] {
  return linesOf(file).flatMap((line, at) => {
    const words = AVOIDED_WORDS.filter(
      ({ pattern }) => pattern.test(line) || pattern.test(inWords(line)),
    );
    const isAllowed = ALLOWED.some((entry) => entry.file.test(file) && entry.line.test(line));
    if (words.length === 0 || isAllowed) return [];
    return [`${file}:${at + 1}: ${words.map(({ instead }) => instead).join("; ")}: ${line.trim()}`];
  });
}

const files = globSync(CHECKED, { cwd: ROOT })
  .filter((file) => statSync(join(ROOT, file)).isFile())
  .toSorted();

test("checks files of every kind", () => {
  expect(files.length).toBeGreaterThan(40);
});

test("finds no word to avoid", () => {
  expect(files.flatMap(findingsIn)).toEqual([]);
});

describe("a word to avoid", () => {
  const matches = (line: string): readonly string[] =>
    AVOIDED_WORDS.filter(({ pattern }) => pattern.test(line) || pattern.test(inWords(line))).map(
      ({ instead }) => instead,
    );

  test.each([
    "function tellNodes() {",
    "/** What the engine knows. */",
    "it can't be had",
    "while a stream stands",
    "the queue is given up",
    "this.#rows.lose(row)",
  ])("is found in %j", (line) => {
    expect(matches(line)).toHaveLength(1);
  });

  test.each([
    "an intelligent retelling",
    "/** Returns what the engine sent. */",
    "a recommended amendment",
    "the queue delivers",
    "const released = queue.close();",
  ])("isn't found in %j", (line) => {
    expect(matches(line)).toEqual([]);
  });
});
