import { expect, test } from "@jest/globals";
import { escapeLabelValue, LabelSet } from "../../src/domain/label-set.ts";

test.each([
  ["plain", "plain"],
  ['say "hi"', String.raw`say \"hi\"`],
  [String.raw`a\x2db.service`, String.raw`a\\x2db.service`],
  ["two\nlines", String.raw`two\nlines`],
  [String.raw`\n` + '\n"\\', String.raw`\\n\n\"\\`],
  ['{a="b"} 1 # é €', String.raw`{a=\"b\"} 1 # é €`],
  ["", ""],
])("escapes %j as %j", (value, escaped) => {
  expect(escapeLabelValue(value)).toBe(escaped);
});

test("writes the labels in their order, and nothing for no labels", () => {
  expect(new LabelSet([]).text).toBe("");
  expect(
    new LabelSet([
      ["b", "1"],
      ["a", 'q"'],
    ]).text,
  ).toBe(String.raw`b="1",a="q\""`);
});

test("appends more labels in a new set", () => {
  const labels = new LabelSet([["a", "1"]]);
  const more = labels.with([
    ["c", "3"],
    ["b", "2"],
  ]);
  expect(more.text).toBe('a="1",c="3",b="2"');
  expect(more.pairs).toEqual([
    ["a", "1"],
    ["c", "3"],
    ["b", "2"],
  ]);
  expect(labels.text).toBe('a="1"');
});

test("keeps the origin when labels are added, with another counting if it is given", () => {
  const counting = { sinceNs: 1n };
  const labels = new LabelSet([["a", "1"]], { containerId: "id", counting });
  expect(labels.with([["b", "2"]]).origin).toEqual({ containerId: "id", counting });
  const own = { sinceNs: 2n };
  expect(labels.with([["b", "2"]], own).origin).toEqual({ containerId: "id", counting: own });
  expect(new LabelSet([]).with([["b", "2"]], own).origin).toBeUndefined();
});

test("counts the bytes of its text in UTF-8", () => {
  expect(new LabelSet([["a", "žluť"]]).textBytes).toBe('a="'.length + 6 + '"'.length);
  expect(new LabelSet([]).textBytes).toBe(0);
});
