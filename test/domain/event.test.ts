import { expect, test } from "@jest/globals";
import { EventKind } from "../../src/domain/event.ts";

test("has each dotted name of the contract once", () => {
  const kinds = Object.values(EventKind);
  expect(new Set(kinds).size).toBe(kinds.length);
  for (const kind of kinds)
    expect(kind).toMatch(/^(container|unit|system|monitor)\.[a-z]+(_[a-z]+)*$/);
  expect(EventKind.ContainerStart).toBe("container.start");
  expect(EventKind.ContainerOom).toBe("container.oom");
});
