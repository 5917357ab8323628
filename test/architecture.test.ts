import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "@jest/globals";

const SRC = join(import.meta.dirname, "../src");
const files = globSync("**/*.ts", { cwd: SRC }).map((path) => {
  const text = readFileSync(join(SRC, path), "utf8");
  const specifiers = text.matchAll(/\b(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g);
  const imports = [...specifiers].map(([, name = ""]) =>
    relative(SRC, join(SRC, dirname(path), name)),
  );
  return { path, text, imports };
});

/** Which rooms each room may import from, beside itself. What lies in no room composes them all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  dbus: [],
  config: ["domain"],
  runtime: ["domain"],
  sources: ["dbus", "domain"],
  state: ["domain"],
  storage: ["domain"],
  watch: ["state", "domain"],
  metrics: ["state", "domain"],
  logs: ["domain"],
  otlp: ["domain"],
  http: ["domain"],
  command: ["state", "domain"],
  page: ["state", "domain"],
};
/** Beside these, the room `app` composes: the parts of `app.ts`. */
const COMPOSE = new Set(["app.ts", "healthcheck.ts", "index.ts", "main.ts", "watcher.ts"]);
/** Entry points of processes. */
const EDGES = new Set(["main.ts", "healthcheck.ts"]);

const roomOf = (path: string): string =>
  path.includes("/") ? path.slice(0, path.indexOf("/")) : "";

test("there are the files that this test is about", () => {
  expect(new Set(files.map(({ path }) => roomOf(path)))).toEqual(
    new Set(["", "app", ...Object.keys(MAY_IMPORT)]),
  );
  expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(files.length);
  const composing = files.map(({ path }) => path).filter((path) => roomOf(path) === "");
  expect(composing.filter((path) => !COMPOSE.has(path))).toEqual([]);
});

test("rooms import from the rooms that they may, and from files that there are", () => {
  const known = new Set(files.map(({ path }) => path));
  const wrong = files.flatMap(({ path, imports }) => {
    const room = roomOf(path);
    const allowed = new Set([room, ...(MAY_IMPORT[room] ?? [])]);
    return imports
      .filter(
        (name) => !known.has(name) || (room !== "" && room !== "app" && !allowed.has(roomOf(name))),
      )
      .map((name) => `${path} imports ${name}`);
  });
  expect(wrong).toEqual([]);
});

test("no file is longer than 250 lines", () => {
  const long = files.filter(({ text }) => text.trimEnd().split("\n").length > 250);
  expect(long.map(({ path }) => path)).toEqual([]);
});

test("the environment is read by the configuration and the process's edge alone", () => {
  const reading = files.filter(({ text }) =>
    /\bprocess\.env\b|["'](?:node:)?process["']/.test(text),
  );
  const wrong = reading.filter(({ path }) => roomOf(path) !== "config" && !EDGES.has(path));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

/** Modules that a file loads as soon as it is loaded itself. */
function loadedBy(text: string): string[] {
  const statements = text.matchAll(
    /^(?:import|export)\s+(?!type\b)(?:[\w*{][^;"'=]*?\sfrom\s+)?["']([^"']+)["'];/gm,
  );
  return [...statements].map(([, name = ""]) => name);
}

test("what a run without OTLP, TLS or a CLI has no use for isn't loaded at once", () => {
  const textOf = new Map(files.map(({ path, text }) => [path, text]));
  const reached = new Set(["main.ts", "app.ts"]);
  const packages = new Set<string>();
  for (const path of reached) {
    for (const name of loadedBy(textOf.get(path) ?? "")) {
      if (name.startsWith(".")) reached.add(relative(SRC, join(SRC, dirname(path), name)));
      else if (!name.startsWith("node:")) packages.add(name);
    }
  }
  expect(reached.size).toBeGreaterThan(100);
  // Each further one costs memory, and time at the start: `await import` it where it is needed.
  expect([...packages].toSorted()).toEqual(["@opentelemetry/api", "prom-client"]);
});
