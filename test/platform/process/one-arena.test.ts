import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { isLasting } from "../../../src/platform/process/one-arena.ts";
import { startUnitwatch } from "../../support/unitwatch.ts";

test.each([
  [[], true],
  [["--log.level=debug"], true],
  [["--log.level", "debug", "--help"], false],
  [["--version"], false],
  [["--check-config"], false],
  [["wait", "--container=a"], false],
  [["events"], false],
])("knows which arguments run for long: %j", (args, expected) => {
  expect(isLasting(args)).toBe(expected);
});

test.each([
  [{}, "1"],
  [{ MALLOC_ARENA_MAX: "4" }, "4"],
])("runs with one arena as the same process, unless set: %j", async (env, expected) => {
  await using unitwatch = await startUnitwatch({ host: "unix:///nowhere", cluster: "none", env });
  const environment = await readFile(`/proc/${unitwatch.pid}/environ`, "latin1");
  const arenas = environment.split("\0").filter((entry) => entry.startsWith("MALLOC_ARENA_MAX="));
  expect(arenas).toEqual([`MALLOC_ARENA_MAX=${expected}`]);
  const givesBack = environment.split("\0").includes("MALLOC_MMAP_THRESHOLD_=131072");
  expect(givesBack).toBe(expected === "1");
});
