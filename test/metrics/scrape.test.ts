import { expect, test } from "@jest/globals";
import { LabelSet } from "../../src/domain/label-set.ts";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import type { ExpositionFormat } from "../../src/metrics/exposition.ts";
import type { StateMetric } from "../../src/metrics/metric.ts";
import { Scraper } from "../../src/metrics/scrape.ts";
import { parseExposition } from "../support/exposition.ts";
import { golden } from "../support/golden.ts";
import { GOLDEN_LIMIT, goldenFleet } from "../support/golden-fleet.ts";
import { ownMetrics } from "../support/own-metrics.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";

/** A scrape of the golden fleet, and of what unitwatch counted while it came about. */
async function goldenScrape(format: ExpositionFormat): Promise<string> {
  const { fleet, series, changes } = goldenFleet();
  const own = ownMetrics({
    series: () => scraper.samples,
    seriesRefused: () => series.refused,
    engineReconnects: () => 2,
  });
  const scraper: Scraper = new Scraper(fleet, STATE_METRICS, own.registry);
  for (const change of changes) own.changed(change, change.timeNs + 4_000_000n);
  own.dropped("unit_table", 3);
  own.parseError("systemd");
  own.exported("logs", 40);
  own.exportFailed("logs", "export");
  return (await scraper.scrape(format)).body.toString("utf8");
}

/** The same without the families of the process and its start, which differ from run to run. */
function withoutProcess(text: string): string {
  return text
    .replaceAll(/^(?:# (?:HELP|TYPE|UNIT) )?(?:process|nodejs)_.*\n/gm, "")
    .replaceAll(/^(unitwatch_(?!systemd_)\w+_created\S*) .*$/gm, "$1 START");
}

test("renders the whole golden scrape as text", async () => {
  const text = withoutProcess(await goldenScrape("text"));
  expect(text).toBe(await golden("metrics.txt", text));
});

test("renders the whole golden scrape as OpenMetrics", async () => {
  const text = withoutProcess(await goldenScrape("openmetrics"));
  expect(text).toBe(await golden("metrics.openmetrics.txt", text));
});

test("has every metric of the state in the golden scrape, and no series twice", async () => {
  const { samples } = parseExposition(await goldenScrape("text"));
  const names = new Set(samples.map(({ name }) => name));
  expect(STATE_METRICS.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([]);
});

test("takes room in the series limit for all that a scrape with every group shows", async () => {
  const { fleet, series } = goldenFleet();
  const { body } = await new Scraper(fleet, STATE_METRICS, ownMetrics().registry).scrape("text");
  const { samples } = parseExposition(body.toString("utf8"));
  const names = new Set(STATE_METRICS.map(({ name }) => name));
  const shown = samples.filter(({ name }) => names.has(name)).length;
  let free = GOLDEN_LIMIT;
  while (!series.take(free)) free -= 1;
  const taken = GOLDEN_LIMIT - free;
  expect(shown).toBeGreaterThan(200);
  expect(taken).toBeGreaterThanOrEqual(shown);
  for (const record of fleet.containers()) record.forget();
  expect(series.take(taken)).toBe(true);
});

test("gives each series the labels that its metric declares, in order", async () => {
  const { samples } = parseExposition(await goldenScrape("text"));
  const declared = new Map(STATE_METRICS.map(({ name, labels }) => [name, labels]));
  const own = samples.filter(({ name }) => declared.has(name));
  expect(own.map(({ name, labels }) => [name, Object.keys(labels)])).toEqual(
    own.map(({ name }) => [name, declared.get(name)]),
  );
});

test("renders the same samples in both formats, and times of counters in OpenMetrics", async () => {
  const text = await goldenScrape("text");
  const openMetrics = await goldenScrape("openmetrics");
  const samplesOf = (body: string): string[] =>
    withoutProcess(body)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
  const isTime = (line: string): boolean => /^\w+_created[{ ]/.test(line);
  expect(samplesOf(openMetrics).filter((line) => !isTime(line))).toEqual(samplesOf(text));
  expect(samplesOf(text).filter(isTime)).toEqual([]);
});

test("renders the same after a scrape in the other format", async () => {
  const own = ownMetrics();
  const scraper = new Scraper(goldenFleet().fleet, STATE_METRICS, own.registry);
  const names = async (format: ExpositionFormat): Promise<string[]> => {
    const { body } = await scraper.scrape(format);
    return withoutProcess(body.toString("utf8")).match(/^# TYPE \S+/gm) ?? [];
  };
  const before = await names("text");
  expect(await names("openmetrics")).not.toEqual(before);
  expect(await names("text")).toEqual(before);
});

test("ends OpenMetrics with its mark, without _total in counter families", async () => {
  const text = await goldenScrape("openmetrics");
  expect(text.endsWith("\n# EOF\n")).toBe(true);
  expect(text).not.toMatch(/^# TYPE \S+_total counter$/m);
  for (const [, family = ""] of text.matchAll(/^# TYPE (\S+) counter$/gm)) {
    const samples = text.split("\n").filter((line) => line.startsWith(family));
    for (const line of samples) expect(line).toMatch(/^[a-z_]+_(?:total|created)[{ ]/);
  }
});

test("writes right after each counter since when it counts, in OpenMetrics", async () => {
  const lines = (await goldenScrape("openmetrics")).split("\n");
  const start = lines.find((line) => line.startsWith("process_start_time_seconds "))?.split(" ")[1];
  const after = (line: string): string | undefined => lines[lines.indexOf(line) + 1];
  const restarts = 'container_restarts_total{container="gone",node="gone",cluster=""} 0';
  expect(after(restarts)).toBe(
    'container_restarts_created{container="gone",node="gone",cluster=""} 1767225660',
  );
  expect(after('unitwatch_otlp_exported_total{signal="logs"} 40')).toBe(
    `unitwatch_otlp_exported_created{signal="logs"} ${start}`,
  );
  expect(after("unitwatch_event_lag_seconds_count 48")).toBe(
    `unitwatch_event_lag_seconds_created ${start}`,
  );
  // systemd's own counts begin when systemd decides.
  expect(lines.some((line) => line.startsWith("systemd_unit_cpu_seconds_created"))).toBe(false);
});

test("sets the content type of the format", async () => {
  const scraper = new Scraper(recordedFleet().fleet, [], ownMetrics().registry);
  expect((await scraper.scrape("text")).contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  expect((await scraper.scrape("openmetrics")).contentType).toMatch(
    /^application\/openmetrics-text; version=1\.0\.0/,
  );
});

test("yields to other work during a long scrape", async () => {
  let turns = 0;
  const slow: StateMetric = {
    name: "slow",
    type: "gauge",
    help: "Slow.",
    labels: ["at"],
    otel: { name: "slow", unit: "1", kind: "gauge" },
    cardinality: "4",
    *read(_fleet, visit) {
      for (let at = 0; at < 4; at++) {
        // Longer than a slice, so that the scraper has to give way after each step.
        const end = performance.now() + 10;
        while (performance.now() < end);
        visit(new LabelSet([["at", String(at)]]), turns);
        yield;
      }
    },
  };
  const scraper = new Scraper(recordedFleet().fleet, [slow], ownMetrics().registry);
  const other = (): void => {
    turns++;
    others = setImmediate(other);
  };
  let others = setImmediate(other);
  const { body } = await scraper.scrape("text");
  clearImmediate(others);
  const values = parseExposition(body.toString("utf8"))
    .select("slow")
    .map(({ value }) => value);
  expect(new Set(values).size).toBe(4);
});

test("reuses the memory of a released scrape, and of no other", async () => {
  const { fleet } = goldenFleet();
  const scraper = new Scraper(fleet, STATE_METRICS, ownMetrics().registry);
  const first = await scraper.scrape("text");
  const text = withoutProcess(first.body.toString());
  const second = await scraper.scrape("text");
  expect(second.body.buffer === first.body.buffer).toBe(false);
  first.release();
  const third = await scraper.scrape("text");
  expect(third.body.buffer === first.body.buffer).toBe(true);
  expect(withoutProcess(third.body.toString())).toBe(text);
  expect(withoutProcess(second.body.toString())).toBe(text);
});
