import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { nodeProblem, OLDEST_NODE } from "../../src/config/build-info.ts";

test.each(["v24.12.0", "v24.21.0", "v25.0.0-nightly", "v100.1.0", "odd"])(
  "accepts Node.js %s",
  (version) => {
    expect(nodeProblem(version)).toBeUndefined();
  },
);

test.each(["v18.20.0", "v20.20.2", "v24.11.1"])(
  "rejects Node.js %s and names the oldest that works",
  (version) => {
    expect(nodeProblem(version)).toBe(`expected Node.js 24.12 or newer, got ${version}`);
  },
);

test("requires the Node.js version that package.json requires", () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { engines } = JSON.parse(text) as { readonly engines: { readonly node: string } };
  expect(engines.node).toBe(`>=${OLDEST_NODE.major}.${OLDEST_NODE.minor}`);
});
