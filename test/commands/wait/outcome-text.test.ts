import { expect, test } from "@jest/globals";
import { durationText, outcomeText } from "../../../src/commands/wait/outcome-text.ts";

const met = (container: string) => ({ container, texts: ["runs", "b.service is active"] });
const missing = (container: string, text: string, isFinal = false) => {
  return { container, about: text, text, isFinal };
};

test("prints one line with the time it took when the goal is true", () => {
  expect(outcomeText({ kind: "true", afterMs: 4_230, met: [met("a"), met("c")] })).toBe(
    "true after 4.2s: a runs, b.service is active; c runs, b.service is active\n",
  );
  const many = Array.from({ length: 100 }, (_, index) => met(`n${index}`));
  expect(outcomeText({ kind: "true", afterMs: 0, met: many })).toMatch(
    /^true after 0\.0s: n0 .*; n3 runs, b\.service is active; the same of 96 more\n$/,
  );
});

test("prints a line for each missing condition, final ones first", () => {
  const all = [
    missing("a", "is paused"),
    missing("b", "was removed", true),
    missing("", "no engine"),
  ];
  expect(outcomeText({ kind: "final", afterMs: 1_000, missing: all })).toBe(
    "unitwatch wait: can't become true any more, after 1.0s:\n  b: was removed\n  a: is paused\n  no engine\n",
  );
  expect(outcomeText({ kind: "time", afterMs: 60_000, missing: all.slice(0, 1) })).toBe(
    "unitwatch wait: not true at the time limit, after 1m00s:\n  a: is paused\n",
  );
  expect(outcomeText({ kind: "ended", afterMs: 60, missing: all.slice(0, 1) }, "SIGTERM")).toBe(
    "unitwatch wait: ended by SIGTERM after 0.1s, and not true yet:\n  a: is paused\n",
  );
});

test("counts missing conditions past the limit of lines", () => {
  const all = Array.from({ length: 250 }, (_, index) => missing(`n${index}`, "is paused"));
  const lines = outcomeText({ kind: "time", afterMs: 0, missing: all }).trimEnd().split("\n");
  expect(lines).toHaveLength(102);
  expect(lines.at(-1)).toBe("  and 150 more");
});

test("escapes control characters and line ends of foreign text", () => {
  const text = outcomeText({
    kind: "time",
    afterMs: 0,
    missing: [missing("a\u001B]0;x\u0007", `bad\n  ok: \u009B2J\u202E ${"x".repeat(10_000)}`)],
  });
  expect(text.trimEnd().split("\n")).toHaveLength(2);
  expect(text).toContain(String.raw`  a\u001b]0;x\u0007: bad ok: \u009b2J\u202e xxx`);
  expect(text.length).toBeLessThan(700);
  expect(
    outcomeText({ kind: "true", afterMs: 0, met: [{ container: "a", texts: ["\u001B[2J"] }] }),
  ).toBe(String.raw`true after 0.0s: a \u001b[2J` + "\n");
});

test.each([
  [0, "0.0s"],
  [949, "0.9s"],
  [12_000, "12.0s"],
  [59_940, "59.9s"],
  [59_960, "1m00s"],
  [125_000, "2m05s"],
  [3_605_000, "1h00m05s"],
  [90_000_000, "25h00m00s"],
])("%i ms are %s", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
