import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { execa } from "execa";
import { nodeProblem, OLDEST_NODE } from "../../src/config/build-info.ts";

test.each(["v24.12.0", "v24.21.0", "v25.0.0-nightly", "v100.1.0", "odd"])(
  "accepts Node.js %s",
  (version) => {
    expect(nodeProblem(version)).toBeUndefined();
  },
);

const ROOT = join(import.meta.dirname, "../..");
/** Files that an old Node.js parses before it rejects itself. */
const FIRST = ["main", "config/build-info"];

test.each(["v12.22.12", "v18.20.0", "v20.20.2", "v24.11.1"])(
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

test("is parsed by Node.js 12, with what is loaded before the check", async () => {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-syntax-"));
  const compiled = async (target: string): Promise<string[]> => {
    const outDir = join(folder, target);
    const args = ["--ignoreConfig", "--noCheck", "--noResolve", "--allowImportingTsExtensions"];
    args.push(
      "--rewriteRelativeImportExtensions",
      "--verbatimModuleSyntax",
      "--module",
      "preserve",
    );
    const files = FIRST.map((name) => join("src", `${name}.ts`));
    await execa("tsc", [...args, "--target", target, "--outDir", outDir, ...files], {
      cwd: ROOT,
      preferLocal: true,
    });
    return Promise.all(FIRST.map((name) => readFile(join(outDir, `${name}.js`), "utf8")));
  };
  try {
    const asWritten = await compiled("esnext");
    // The compiler rewrites syntax that is newer than its target.
    expect(await compiled("es2019")).toEqual(asWritten);
    const text = asWritten.join("\n");
    expect(text).not.toMatch(/^(?!.*async).*\bawait /m);
    const imports = text.matchAll(/^import .* from "(.+)";/gm);
    expect([...imports].map(([, name]) => name)).toEqual(["./config/build-info.js", "node:fs"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
