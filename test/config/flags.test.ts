import { expect, test } from "@jest/globals";
import { COMMANDS } from "../../src/config/commands.ts";
import type { Flag } from "../../src/config/flag/flag.ts";
import { FLAGS } from "../../src/config/flags.ts";

const flags: readonly Flag<unknown>[] = [
  FLAGS,
  ...Object.values(COMMANDS).map(({ flags }) => flags),
].flatMap((table) => Object.values(table));

/** Flags with words as completions; `isList` if the value can be several of them. */
const worded = flags.flatMap((flag) => {
  const { completes } = flag;
  if (completes === undefined || typeof completes === "string") return [];
  return "anyOf" in completes
    ? [{ flag, words: completes.anyOf, isList: true }]
    : [{ flag, words: completes, isList: false }];
});

test("accepts exactly the words that shells offer", () => {
  const read = (flag: Flag<unknown>, text: string) => () => flag.read([{ source: "x", text }]);
  expect(worded.length).toBeGreaterThan(7);
  for (const { flag, words, isList } of worded) {
    for (const word of words) expect(read(flag, word)).not.toThrow();
    expect(read(flag, "nonsense")).toThrow("expected");
    if (isList) expect(read(flag, words.join(","))).not.toThrow();
    else expect(read(flag, words.join(","))).toThrow("expected");
  }
});

test("offers words for each flag that accepts only words", () => {
  const enumerated = flags.filter((flag) => {
    try {
      flag.read([{ source: "x", text: "\u0001" }]);
      return false;
    } catch (error) {
      return /expected \w+(?:, \w+)* or \w+, got/.test(String(error));
    }
  });
  expect(enumerated.length).toBeGreaterThan(5);
  expect(enumerated.filter((flag) => worded.every((each) => each.flag !== flag))).toEqual([]);
});
