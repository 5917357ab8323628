import { expect, test } from "@jest/globals";
import { HeapGrowth, MANY_CONTAINERS } from "../../../src/platform/process/heap-growth.ts";

const FIRST = ["--no-maglev", "--semi-space-growth-factor=1", "--memory-saver-mode"];

test("limits the heap's growth unless there are many containers", () => {
  const flags: string[] = [];
  const growth = new HeapGrowth((flag) => void flags.push(flag));
  expect(flags.splice(0)).toEqual(FIRST);
  growth.fitTo(0);
  growth.fitTo(MANY_CONTAINERS);
  expect(flags).toEqual([]);
  growth.fitTo(MANY_CONTAINERS + 1);
  growth.fitTo(1_000);
  expect(flags.splice(0)).toEqual(["--no-memory-saver-mode"]);
  growth.fitTo(1);
  expect(flags).toEqual(["--memory-saver-mode"]);
});
