import { expect, test } from "@jest/globals";
import { acceptsGzip } from "../../../src/http/handlers/accept-encoding.ts";

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
])("%s takes gzip", (header) => {
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
  "gzip;q=2",
  "gzip;q=-1",
  "gzip;q=x",
  "gzipped",
])("%s doesn't", (header) => {
  expect(acceptsGzip(header)).toBe(false);
});
