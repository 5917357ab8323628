import { describe, expect, test } from "@jest/globals";
import { parseExposition } from "./exposition.ts";

const HEAD = "# HELP a_total What.\n# TYPE a_total counter\n";

describe("parseExposition", () => {
  test("parses samples with and without labels", () => {
    const scrape = parseExposition(
      `${HEAD}a_total{x="1",y=""} 3\na_total 4.5\n# HELP b More.\n# TYPE b gauge\nb -1.5e-07\n`,
    );

    expect(scrape.samples).toEqual([
      { name: "a_total", labels: { x: "1", y: "" }, value: 3 },
      { name: "a_total", labels: {}, value: 4.5 },
      { name: "b", labels: {}, value: -1.5e-7 },
    ]);
    expect(scrape.value("a_total", { x: "1" })).toBe(3);
    expect(scrape.value("a_total", { x: "2" })).toBeUndefined();
    expect(() => scrape.value("a_total")).toThrow("2 series match");
    expect(scrape.by("x", "a_total")).toEqual({ "1": 3, "": 4.5 });
  });

  test("parses escapes, and braces inside label values", () => {
    const [sample] = parseExposition(`${HEAD}a_total{x="a\\\\x2d\\"} 1\\n",y="},"} 1\n`).samples;

    expect(sample?.labels).toEqual({ x: 'a\\x2d"} 1\n', y: "}," });
  });

  test("parses histograms", () => {
    const text = `# HELP h H.
# TYPE h histogram
h_bucket{le="0.1"} 1
h_bucket{le="+Inf"} 2
h_sum 0.3
h_count 2
`;

    expect(parseExposition(text).value("h_bucket", { le: "+Inf" })).toBe(2);
  });
});

describe("parseExposition on an invalid text", () => {
  test.each([
    ["a truncated text", `${HEAD}a_total 1`],
    ["an empty line", `${HEAD}\na_total 1\n`],
    ["a series twice", `${HEAD}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 1\n`],
    ["a family twice", `${HEAD}a_total 1\n${HEAD}`],
    ["a sample of no family", "a_total 1\n"],
    ["a sample of another family", `${HEAD}b_total 1\n`],
    ["a TYPE without HELP", "# TYPE a_total counter\na_total 1\n"],
    ["a negative counter", `${HEAD}a_total -1\n`],
    ["a counter that is no number", `${HEAD}a_total NaN\n`],
    ["an invalid value", `${HEAD}a_total one\n`],
    ["a value that is hexadecimal", `${HEAD}a_total 0x10\n`],
    ["a missing value", `${HEAD}a_total \n`],
    ["a timestamp", `${HEAD}a_total 1 1700000000000\n`],
    ["a bare label", `${HEAD}a_total{x=1} 1\n`],
    ["a label twice", `${HEAD}a_total{x="1",x="2"} 1\n`],
    ["a last comma", `${HEAD}a_total{x="1",} 1\n`],
    ["a missing comma", `${HEAD}a_total{x="1"y="2"} 1\n`],
    ["empty braces", `${HEAD}a_total{} 1\n`],
    ["an open quote", `${HEAD}a_total{x="1} 1\n`],
    ["an unknown escape", `${HEAD}a_total{x="\\t"} 1\n`],
    ["a quote that isn't escaped", `${HEAD}a_total{x="a"b"} 1\n`],
  ])("rejects %s", (_, text) => {
    expect(() => parseExposition(text)).toThrow(/\S/);
  });
});
