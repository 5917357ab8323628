import { expect, test } from "@jest/globals";
import { BoundedMap } from "../../../src/platform/data/bounded-map.ts";

function filled(): BoundedMap<string, number> {
  const map = new BoundedMap<string, number>(3);
  for (const [at, key] of ["a", "b", "c"].entries()) map.set(key, at);
  return map;
}

test("evicts the oldest entry when a new one is over the limit", () => {
  const map = filled();
  map.set("d", 3);
  expect([...map.keys()]).toEqual(["b", "c", "d"]);
  expect(map.size).toBe(3);
  expect(map.has("a")).toBe(false);
  expect(map.get("d")).toBe(3);
});

test("keeps an entry's age when it is read by get", () => {
  const map = filled();
  expect(map.get("a")).toBe(0);
  map.set("d", 3);
  expect(map.get("a")).toBeUndefined();
});

test("makes an entry the newest when it is read by use, or set again", () => {
  const map = filled();
  expect(map.use("a")).toBe(0);
  map.set("b", 7);
  map.set("d", 3);
  map.set("e", 4);
  expect([...map.keys()]).toEqual(["b", "d", "e"]);
  expect(map.get("b")).toBe(7);
  expect(map.use("a")).toBeUndefined();
});
