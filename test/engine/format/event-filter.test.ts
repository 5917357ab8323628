import { expect, test } from "@jest/globals";
import { eventFilter } from "../../../src/engine/format/event-filter.ts";
import { engineEvent } from "../../support/engine-facts.ts";

const ID = "c0ffee".padEnd(64, "0");

function passes(filters: readonly string[], name: string, image = "debian"): boolean {
  return eventFilter(filters)(engineEvent("start", name, { id: ID, image }));
}

test("passes every event when there are no filters", () => {
  expect(passes([], "web")).toBe(true);
  expect(eventFilter([])(engineEvent("start", ""))).toBe(true);
});

test("leaves to the engine what the engine checks", () => {
  expect(passes(["label=a=b", "label=c", "status=running", "nonsense"], "web")).toBe(true);
});

test.each([
  [["name=web"], "web", true],
  [["name=web"], "my-web-1", true],
  [["name=web"], "db", false],
  [["name=^web$"], "web", true],
  [["name=^web$"], "web-1", false],
  [["name=^/web$"], "web", true],
  [["name=^/web$"], "web-1", false],
  [["name=a=b"], "a=b", true],
  [["name=web", "name=db"], "db", true],
  [["name=web", "name=db"], "cache", false],
  [["name="], "anything", true],
])("matches %j against the name %s: %s", (filters, name, expected) => {
  expect(passes(filters, name)).toBe(expected);
});

test.each([
  [["id=c0ffee"], true],
  [[`id=${ID}`], true],
  [["id=0ffee"], false],
  [["id=beef", "id=c0"], true],
])("matches %j against the name web", (filters, expected) => {
  expect(passes(filters, "web")).toBe(expected);
});

test.each([
  ["debian", "debian", true],
  ["debian", "debian:latest", true],
  ["debian:latest", "debian", true],
  ["debian:12", "debian:12", true],
  ["debian:12", "debian", false],
  ["debian", "debian:12", false],
  ["debian", "debian-slim", false],
])("matches ancestor=%s against the image %s: %s", (wanted, image, expected) => {
  expect(passes([`ancestor=${wanted}`], "web", image)).toBe(expected);
});

test("requires a match of every key", () => {
  const filters = ["name=web", "ancestor=debian", "id=c0"];
  expect(passes(filters, "web")).toBe(true);
  expect(passes(filters, "db")).toBe(false);
  expect(passes(filters, "web", "alpine")).toBe(false);
  expect(passes([...filters, "id=beef"], "web")).toBe(true);
});

test("rejects an event that lacks the filtered attribute", () => {
  const nameless = { ...engineEvent("start", "web"), attributes: new Map<string, string>() };
  expect(eventFilter(["name=web"])(nameless)).toBe(false);
  expect(eventFilter(["ancestor=debian"])(nameless)).toBe(false);
  expect(eventFilter(["id=7765"])(nameless)).toBe(true);
});
