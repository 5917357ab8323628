import { expect, test } from "@jest/globals";
import type { TestNode } from "../support/engine/node.ts";
import { compareRuns, type RunTruth, runTruth } from "./units.ts";

const nodeThatPrints = (text: string): TestNode =>
  ({ exec: async () => text }) as unknown as TestNode;

const PROPERTIES = "Id=loop.service\nNRestarts=3\n\nId=victim.service\nNRestarts=0";

test("reads how runs ended, and restarts", async () => {
  const node = nodeThatPrints(
    `loop.service       4 exit-code\nvictim.service       1 signal\nvictim.service       2 success\n\n${PROPERTIES}`,
  );

  expect(await runTruth(node, ["loop.service", "victim.service"])).toEqual({
    failures: { "loop.service": { "exit-code": 4 }, "victim.service": { signal: 1 } },
    restarts: { "loop.service": 3 },
  });
});

test("reads restarts when no run has ended", async () => {
  expect(await runTruth(nodeThatPrints(`\n${PROPERTIES}`), ["loop.service"])).toEqual({
    failures: {},
    restarts: { "loop.service": 3 },
  });
});

const TRUTH: RunTruth = {
  failures: { "loop.service": { "exit-code": 4 }, "victim.service": { signal: 1 } },
  restarts: { "loop.service": 3 },
};
const BEFORE = { failures: { "loop.service exit-code": 10 }, restarts: { "loop.service": 9 } };

test("finds no difference when what was counted since then equals the truth", () => {
  const now = {
    failures: { "loop.service exit-code": 14, "victim.service signal": 1 },
    restarts: { "loop.service": 12 },
  };

  expect(compareRuns(TRUTH, { before: BEFORE, now })).toEqual({
    figure: "5 of 5 failures, 3 of 3 restarts",
    wrong: [],
  });
});

test("finds what is missing, and what never was", () => {
  const now = {
    failures: {
      "loop.service exit-code": 13,
      "loop.service signal": 1,
      "victim.service signal": 1,
    },
    restarts: { "loop.service": 13 },
  };

  expect(compareRuns(TRUTH, { before: BEFORE, now }).wrong).toEqual([
    "failures of loop.service exit-code: 3, expected 4",
    "failures of loop.service signal: 1, expected 0",
    "restarts of loop.service: 4, expected 3",
  ]);
});
