import { expect, test } from "@jest/globals";
import { LabelSet } from "../../src/domain/label-set.ts";
import { CONTENT_TYPES, ExpositionWriter } from "../../src/metrics/exposition.ts";
import type { ExpositionFormat } from "../../src/metrics/exposition.ts";
import { formatValue } from "../../src/metrics/sample-value.ts";
import { parseExposition } from "../support/exposition.ts";

function written(format: ExpositionFormat, write: (writer: ExpositionWriter) => void): string {
  const writer = new ExpositionWriter(format);
  write(writer);
  return writer.end().bytes.toString("utf8");
}

test.each([
  [0, "0"],
  [-0, "0"],
  [1, "1"],
  [-2.5, "-2.5"],
  [1_795_345_339.060434, "1795345339.060434"],
  [1e21, "1e+21"],
  [1e-7, "1e-7"],
  [Number.MAX_SAFE_INTEGER, "9007199254740991"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "+Inf"],
  [Number.NEGATIVE_INFINITY, "-Inf"],
])("writes %d as %s", (value, text) => {
  expect(formatValue(value)).toBe(text);
});

const ESCAPED = 'a "quoted" \\ back\nslash';

test("writes whole numbers of every length, and others, as the value is", () => {
  const values = [9, 10, 99, 100, 2_147_483_647, 2_147_483_648, 4_294_967_296, -10, 10.5, -0];
  const text = written("text", (writer) => {
    writer.family({ name: "m", type: "gauge", help: "M." });
    for (const value of values) writer.sample(new LabelSet([["a", "b"]]), value);
  });
  expect(text.split("\n").slice(2, -1)).toEqual(values.map((value) => `m{a="b"} ${value}`));
});

test.each([
  ["text", String.raw`a "quoted" \\ back\nslash`],
  ["openmetrics", String.raw`a \"quoted\" \\ back\nslash`],
] as const)("help of %s is escaped as that format wants", (format, help) => {
  const text = written(format, (writer) => {
    writer.family({ name: "m", type: "gauge", help: ESCAPED });
  });
  expect(text.split("\n")[0]).toBe(`# HELP m ${help}`);
});

test("names a counter's family like its samples in the text format", () => {
  const text = written("text", (writer) => {
    writer.family({ name: "exits_total", type: "counter", help: "Exits." });
    writer.sample(new LabelSet([["a", "b"]]), 3);
  });
  expect(text).toBe(
    '# HELP exits_total Exits.\n# TYPE exits_total counter\nexits_total{a="b"} 3\n',
  );
});

test("names a counter's family without _total and writes an end mark in OpenMetrics", () => {
  const text = written("openmetrics", (writer) => {
    writer.family({ name: "exits_total", type: "counter", help: "Exits." });
    writer.sample(new LabelSet([["a", "b"]]), 3);
    writer.family({ name: "sum_total", type: "gauge", help: "No counter." });
    writer.sample(new LabelSet([]), 1);
  });
  expect(text).toBe(
    '# HELP exits Exits.\n# TYPE exits counter\nexits_total{a="b"} 3\n' +
      "# HELP sum_total No counter.\n# TYPE sum_total gauge\nsum_total 1\n# EOF\n",
  );
});

test("writes the unit in which a family's name ends in OpenMetrics alone", () => {
  const write = (writer: ExpositionWriter): void => {
    writer.family({ name: "cpu_seconds_total", type: "counter", help: "CPU." });
    writer.family({ name: "in_bytes", type: "counter", help: "In." });
    writer.family({ name: "units", type: "gauge", help: "Units." });
  };
  expect(written("openmetrics", write)).toBe(
    "# HELP cpu_seconds CPU.\n# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n" +
      "# HELP in_bytes In.\n# TYPE in_bytes unknown\n# UNIT in_bytes bytes\n" +
      "# HELP units Units.\n# TYPE units gauge\n# EOF\n",
  );
  expect(written("text", write)).not.toContain("UNIT");
});

test("writes no time of a counter whose start is unknown", () => {
  const labels = (sinceNs: bigint): LabelSet =>
    new LabelSet([["a", "b"]], { containerId: "c", counting: { sinceNs } });
  const text = written("openmetrics", (writer) => {
    writer.family({ name: "n_total", type: "counter", help: "N.", countsSince: true });
    writer.sample(labels(0n), 1, "state", "on");
    writer.sample(labels(1_500_250_000_000n), 2, "state", "off");
    writer.sample(new LabelSet([]), 3);
    writer.family({ name: "o_total", type: "counter", help: "O." });
    writer.sample(labels(1n), 4);
  });
  expect(text.split("\n").filter((line) => !line.startsWith("#"))).toEqual([
    'n_total{a="b",state="on"} 1',
    'n_total{a="b",state="off"} 2',
    'n_created{a="b",state="off"} 1500.25',
    "n_total 3",
    'o_total{a="b"} 4',
    "",
  ]);
});

test("writes nothing, or only the end mark, when there are no families", () => {
  expect(written("text", () => {})).toBe("");
  expect(written("openmetrics", () => {})).toBe("# EOF\n");
});

test("writes an extra label last, with a comma if needed", () => {
  const text = written("text", (writer) => {
    writer.family({ name: "m", type: "gauge", help: "M." });
    writer.sample(new LabelSet([["a", 'x"}\n']]), 0, "state", "on");
    writer.sample(new LabelSet([]), 1, "state", "off");
    writer.named("m_other", new LabelSet([]), 2);
  });
  expect(text.split("\n").slice(2)).toEqual([
    String.raw`m{a="x\"}\n",state="on"} 0`,
    'm{state="off"} 1',
    "m_other 2",
    "",
  ]);
});

test("escapes hostile label values so that they parse back", () => {
  const value = 'a"} 1\nforged{x="\\" é \u{1F40E} \t';
  const text = written("text", (writer) => {
    writer.family({ name: "m", type: "gauge", help: "M." });
    writer.sample(new LabelSet([["v", value]]), 7);
  });
  expect(parseExposition(text).samples).toEqual([{ name: "m", labels: { v: value }, value: 7 }]);
});

test("counts samples and keeps all of many", () => {
  const writer = new ExpositionWriter("text");
  writer.family({ name: "m", type: "gauge", help: "M." });
  for (let i = 0; i < 10_000; i++) writer.sample(new LabelSet([["i", `žluť ${i}`]]), i);
  expect(writer.samples).toBe(10_000);
  const { samples } = parseExposition(writer.end().bytes.toString("utf8"));
  expect(samples.map(({ value }) => value)).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  expect(samples.at(-1)?.labels).toEqual({ i: "žluť 9999" });
});

test("has content types with format and version", () => {
  expect(CONTENT_TYPES).toEqual({
    text: "text/plain; version=0.0.4; charset=utf-8",
    openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  });
});

test("distinguishes samples that share only the name or only the labels", () => {
  const one = new LabelSet([["a", "1"]]);
  const other = new LabelSet([["a", "2"]]);
  const text = written("text", (writer) => {
    writer.family({ name: "m", type: "gauge", help: "M." });
    writer.sample(one, 1, "state", "on");
    writer.sample(one, 10, "state", "off");
    writer.sample(one, 0.5);
    writer.sample(other, -1);
    writer.named("m_sum", other, 9);
    writer.named("m_sum", new LabelSet([]), 0);
    writer.named("m_count", new LabelSet([]), 0);
  });
  expect(text.split("\n").slice(2)).toEqual([
    'm{a="1",state="on"} 1',
    'm{a="1",state="off"} 10',
    'm{a="1"} 0.5',
    'm{a="2"} -1',
    'm_sum{a="2"} 9',
    "m_sum 0",
    "m_count 0",
    "",
  ]);
});
