import { expect, test } from "@jest/globals";
import { type Nameable, Names } from "../../../src/engine/proc/names.ts";

const container = (id: string, isRunning = true): Nameable => ({
  id,
  match: { runtime: "lxc", id, name: "web", path: `/lxc/${id}` },
  description: undefined,
  isRunning,
  unknown: ["restarts"],
});

test("gives a name to one container at a time, however alike the ids are", () => {
  const names = new Names(undefined);
  const all = ["1", "2", "3"].map((end) => container("a".repeat(12) + end));
  for (const each of all) names.set(each);
  expect(all.map((each) => names.of(each))).toEqual([
    "web",
    "web-aaaaaaaaaaaa",
    "web-aaaaaaaaaaaa3",
  ]);
});

test("gives the name of a container that has ended to the next one", () => {
  const names = new Names(undefined);
  names.set(container("b1", false));
  names.set(container("b2"));
  expect(names.of(container("b2"))).toBe("web");
  names.release("b1");
  expect(names.of(container("b2"))).toBe("web");
});

test("adds what is unknown, and the runtime, to an identity", () => {
  const names = new Names("we");
  names.set(container("c1"));
  const facts = { id: "c1", name: "web", image: "", label: () => undefined };
  expect(names.identify(facts)).toMatchObject({
    runtime: "lxc",
    node: "b",
    unknown: ["restarts"],
  });
});
