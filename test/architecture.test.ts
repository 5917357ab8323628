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

/**
 * The folders that each folder may import from, besides itself. `docs/contributing/architecture.md`
 * shows the same as a picture.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "commands/events": [
    "app",
    "commands",
    "config",
    "domain",
    "platform/data",
    "platform/time",
    "state",
    "state/containers",
    "state/units",
  ],
  "commands/status": [
    "app",
    "commands",
    "config",
    "domain",
    "page/view",
    "platform/data",
    "platform/time",
    "state/containers",
    "state/units",
  ],
  "commands/wait": [
    "app",
    "commands",
    "config",
    "domain",
    "platform/data",
    "platform/time",
    "state",
    "state/containers",
    "state/units",
  ],
  config: ["config/flag", "domain", "platform/data"],
  "config/completion": ["config", "config/flag"],
  "config/flag": ["domain", "platform/data"],
  domain: [],
  engine: [
    "domain",
    "engine/api",
    "engine/cli",
    "engine/format",
    "engine/proc",
    "platform/data",
    "platform/process",
  ],
  "engine/api": ["domain", "engine/format", "platform/data", "platform/process", "platform/time"],
  "engine/cli": ["domain", "engine/api", "engine/format", "platform/data", "platform/process"],
  "engine/format": ["domain", "platform/data"],
  "engine/cri": ["domain", "engine/format", "engine/registry", "platform/data", "platform/time"],
  "engine/proc": [
    "domain",
    "engine/cri",
    "engine/format",
    "engine/registry",
    "platform/process",
    "platform/time",
  ],
  "engine/registry": ["domain", "engine/format", "platform/data"],
  "engine/usage": [
    "domain",
    "engine/format",
    "platform/data",
    "platform/time",
    "state",
    "state/containers",
  ],
  "engine/watch": ["domain", "platform/data", "platform/time", "state", "state/containers"],
  http: [
    "domain",
    "http/auth",
    "http/connection",
    "http/handlers",
    "http/web-config",
    "platform/data",
  ],
  "http/auth": ["domain", "platform/data", "platform/process"],
  "http/connection": ["domain", "http/web-config"],
  "http/handlers": ["domain", "http/connection"],
  "http/web-config": ["domain", "platform/data"],
  library: [
    "domain",
    "engine/format",
    "platform/data",
    "platform/process",
    "platform/time",
    "state",
    "systemd/format",
  ],
  logs: ["domain", "platform/time"],
  metrics: ["domain", "platform/data", "platform/time", "state", "state/containers", "state/units"],
  otlp: ["domain", "otlp/protocol", "otlp/transport", "platform/data", "platform/time"],
  "otlp/protocol": ["domain", "platform/data"],
  "otlp/transport": ["domain", "otlp/protocol", "platform/data"],
  page: ["domain", "page/view", "state/containers", "state/units"],
  "page/client": ["domain", "page/view"],
  "page/view": ["domain"],
  "platform/data": [],
  "platform/log": ["domain", "platform/data"],
  "platform/process": ["domain", "platform/data", "platform/time"],
  "platform/time": ["domain", "platform/data"],
  state: ["domain", "platform/data", "state/containers", "state/units"],
  "state/containers": ["domain", "state/units"],
  "state/units": ["domain", "platform/data"],
  storage: ["domain", "platform/data", "platform/time"],
  "systemd/dbus": ["domain", "platform/data", "platform/time"],
  "systemd/format": ["domain", "platform/data", "systemd/dbus"],
  "systemd/readings": [
    "domain",
    "platform/data",
    "platform/time",
    "state",
    "state/containers",
    "state/units",
    "systemd/format",
  ],
  "systemd/session": ["domain", "platform/data", "platform/time", "systemd/format"],
  "systemd/transport": [
    "domain",
    "platform/data",
    "platform/process",
    "platform/time",
    "systemd/dbus",
    "systemd/format",
    "systemd/session",
  ],
  "systemd/watch": [
    "domain",
    "platform/data",
    "platform/time",
    "state",
    "state/containers",
    "state/units",
  ],
};
/**
 * Top-level folders that a top-level folder may import from, besides itself: data flows down from the
 * sources to state, and from state to the outputs. No table row may add an arrow back up.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  platform: ["domain"],
  config: ["domain", "platform"],
  state: ["domain", "platform"],
  storage: ["domain", "platform"],
  logs: ["domain", "platform"],
  otlp: ["domain", "platform"],
  http: ["domain", "platform"],
  engine: ["domain", "platform", "state"],
  systemd: ["domain", "platform", "state"],
  metrics: ["domain", "platform", "state"],
  page: ["domain", "platform", "state"],
  library: ["domain", "platform", "state", "engine", "systemd"],
};
/** Folders that compose the others, and may import from all of them; "" is `src` itself. */
const COMPOSITION_ROOTS = new Set(["", "app", "commands"]);
/** Entry points of processes. */
const EDGES = new Set(["main.ts", "program.ts", "healthcheck.ts"]);

const folderOf = (path: string): string => {
  const folder = dirname(path);
  return folder === "." ? "" : folder;
};

test("lists every folder of src when a folder is added", () => {
  expect(new Set(files.map(({ path }) => folderOf(path)))).toEqual(
    new Set([...COMPOSITION_ROOTS, ...Object.keys(MAY_IMPORT)]),
  );
  expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(files.length);
});

test("allows no import from a layer above", () => {
  const top = (folder: string): string => folder.split("/")[0] ?? "";
  const wrong = Object.entries(MAY_IMPORT).flatMap(([folder, others]) => {
    const layer = top(folder);
    if (COMPOSITION_ROOTS.has(layer)) return [];
    const allowed = new Set([layer, ...(LAYERS[layer] ?? [])]);
    return others.filter((other) => !allowed.has(top(other))).map((other) => `${folder}: ${other}`);
  });
  expect(wrong).toEqual([]);
});

test("imports only files that exist, from folders that the table allows", () => {
  const known = new Set(files.map(({ path }) => path));
  const wrong = files.flatMap(({ path, imports }) => {
    const folder = folderOf(path);
    const allowed = new Set([folder, ...(MAY_IMPORT[folder] ?? [])]);
    const isAllowed = (name: string): boolean =>
      COMPOSITION_ROOTS.has(folder) || allowed.has(folderOf(name));
    return imports
      .filter((name) => !known.has(name) || !isAllowed(name))
      .map((name) => `${path} imports ${name}`);
  });
  expect(wrong).toEqual([]);
});

test("allows no import that the code doesn't use", () => {
  const used = new Set(
    files.flatMap(({ path, imports }) =>
      imports.map((name) => `${folderOf(path)} imports ${folderOf(name)}`),
    ),
  );
  const unused = Object.entries(MAY_IMPORT).flatMap(([folder, others]) =>
    others.map((other) => `${folder} imports ${other}`).filter((row) => !used.has(row)),
  );
  expect(unused).toEqual([]);
});

/** Nodes of the first circle that is found, or none. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): readonly string[] => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return [];
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle.length > 0) return circle;
    }
    done.add(node);
    return [];
  };
  for (const node of graph.keys()) {
    const circle = visit(node, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

test("has no circle of imports between files, types included", () => {
  expect(circleIn(new Map(files.map(({ path, imports }) => [path, imports])))).toEqual([]);
});

test("has no circle of imports between folders", () => {
  expect(circleIn(new Map(Object.entries(MAY_IMPORT)))).toEqual([]);
});

test("finds a circle when there is one", () => {
  const graph = { a: ["b"], b: ["c", "d"], c: [], d: ["b"] };
  expect(circleIn(new Map(Object.entries(graph)))).toEqual(["b", "d", "b"]);
});

test("reads the environment in the configuration and the entry points alone", () => {
  const reading = files.filter(({ text }) =>
    /\bprocess\.env\b|["'](?:node:)?process["']/.test(text),
  );
  const wrong = reading.filter(({ path }) => path.split("/")[0] !== "config" && !EDGES.has(path));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test("never ends the process by process.exit, which can hang", () => {
  const exiting = files.filter(({ text }) => /\bprocess\.(?:exit|reallyExit)\(/.test(text));
  expect(exiting.map(({ path }) => path)).toEqual([]);
});

/** Modules that a file loads as soon as it is loaded itself. */
function loadedBy(text: string): string[] {
  const statements = text.matchAll(
    /^(?:import|export)\s+(?!type\b)(?:[\w*{][^;"'=]*?\sfrom\s+)?["']([^"']+)["'];/gm,
  );
  return [...statements].map(([, name = ""]) => name);
}

test("loads at start only what a run without OTLP, TLS or a CLI uses", () => {
  const textOf = new Map(files.map(({ path, text }) => [path, text]));
  const reached = new Set(["main.ts", "program.ts", "app/app.ts"]);
  const packages = new Set<string>();
  for (const path of reached) {
    for (const name of loadedBy(textOf.get(path) ?? "")) {
      if (name.startsWith(".")) reached.add(relative(SRC, join(SRC, dirname(path), name)));
      else if (!name.startsWith("node:")) packages.add(name);
    }
  }
  expect(reached.size).toBeGreaterThan(100);
  // Each further one costs memory, and time at the start: `await import` it where it is needed.
  expect([...packages].toSorted()).toEqual([
    "@opentelemetry/api",
    "express",
    "negotiator",
    "prom-client",
  ]);
});
