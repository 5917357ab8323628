import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { nodeProblem, OLDEST_NODE } from "../../src/config/node-version.ts";

test.each(["v24.12.0", "v24.21.0", "v25.0.0-nightly", "v100.1.0", "odd"])(
  "%s will do",
  (version) => {
    expect(nodeProblem(version)).toBeUndefined();
  },
);

test.each(["v18.20.0", "v20.20.2", "v24.11.1"])("%s won't, and is told what would", (version) => {
  expect(nodeProblem(version)).toBe(`expected Node.js 24.12 or newer, and this is ${version}`);
});

test("it is the version that package.json asks for", () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { engines } = JSON.parse(text) as { readonly engines: { readonly node: string } };
  expect(engines.node).toBe(`>=${OLDEST_NODE.major}.${OLDEST_NODE.minor}`);
});
