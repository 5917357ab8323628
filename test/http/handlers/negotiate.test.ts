import { expect, test } from "@jest/globals";
import { acceptsGzip, negotiateFormat } from "../../../src/http/handlers/negotiate.ts";

const PROMETHEUS_2 =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

test.each([
  ["nothing", undefined, "text"],
  ["an empty header", "", "text"],
  ["Prometheus 2", PROMETHEUS_2, "openmetrics"],
  ["Prometheus 3", PROMETHEUS_3, "openmetrics"],
  ["a browser", BROWSER, "text"],
  ["curl", "*/*", "text"],
  ["text", "text/plain", "text"],
  ["OpenMetrics of any version", "application/openmetrics-text", "openmetrics"],
  ["another case, and spaces", " Application/OpenMetrics-Text ; Version=1.0.0 ", "openmetrics"],
  ["OpenMetrics of another version", "application/openmetrics-text; version=0.0.1", "text"],
  ["OpenMetrics refused", "application/openmetrics-text;q=0, text/plain", "text"],
  ["OpenMetrics alone, and refused", "application/openmetrics-text;q=0", "text"],
  ["text before OpenMetrics", "application/openmetrics-text;q=0.4,text/plain;q=0.5", "text"],
  ["anything before OpenMetrics", "application/openmetrics-text;q=0.4,*/*", "text"],
  ["any text before OpenMetrics", "application/openmetrics-text;q=0.4,text/*;q=0.9", "text"],
  ["the version in quotes", 'application/openmetrics-text;version="1.0.0"', "openmetrics"],
  [
    "OpenMetrics before text, whatever is said of all else",
    "application/openmetrics-text;q=0.6,text/plain;q=0.5,*/*;q=0.8",
    "openmetrics",
  ],
  ["both alike", "text/plain, application/openmetrics-text", "openmetrics"],
  ["an invalid quality", "application/openmetrics-text;q=x,text/plain;q=0.1", "text"],
  ["a quality out of range", "application/openmetrics-text;q=7,text/plain;q=0.1", "text"],
  ["another thing", "application/json", "text"],
])("negotiates the format when Accept has %s: %s, %s", (_what, accept, format) => {
  expect(negotiateFormat(accept)).toBe(format);
});

test("ignores the end of Accept when it is too long", () => {
  const long = `${"application/json,".repeat(10_000)}application/openmetrics-text`;
  expect(negotiateFormat(long)).toBe("text");
});

test.each([
  "gzip",
  "GZIP",
  "x-gzip",
  "deflate, gzip",
  "gzip;q=0.5",
  "gzip ; q=1.000",
  "*",
  "br, *;q=0.1",
  "gzip;q=1.0, identity; q=0.5, *;q=0",
  "identity;q=0, gzip;q=0.001",
])("gzips when Accept-Encoding is %s", (header) => {
  expect(acceptsGzip(header)).toBe(true);
});

test.each([
  undefined,
  "",
  "identity",
  "br",
  "gzip;q=0",
  "gzip;q=0.000, *",
  "*;q=0",
  "gzip;q=0.5, identity",
  "gzip;q=0.5, *",
  "gzip;q=2",
  "gzip;q=-1",
  "gzip;q=x",
  "gzipped",
])("doesn't gzip when Accept-Encoding is %s", (header) => {
  expect(acceptsGzip(header)).toBe(false);
});
