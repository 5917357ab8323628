import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { LOSSLESS_NODE_ARGS } from "../../e2e/count/load.ts";
import type { Engine } from "../../support/engine/docker.ts";
import { acquireEngine } from "../../support/engine/engine.ts";
import { startNode, type TestNode } from "../../support/engine/node.ts";
import { startUnitwatch, type Unitwatch } from "../../support/unitwatch.ts";
import type { BenchContext, RunOptions, WatchOptions } from "../section.ts";

const ROOT = join(import.meta.dirname, "../../..");
const CLUSTER = "bench";
/** Numbers of nodes that can be watched without the rest. */
const SIZES = [1, 5, 10];
/** Nodes that start at the same time. */
const AT_ONCE = 4;
const ROUTES = {
  "engine+socket": ["--docker.runtime=engine", "--systemd.transport=socket"],
  "engine+dbus": ["--docker.runtime=engine", "--systemd.transport=dbus"],
  "cli+busctl": ["--docker.runtime=cli", "--systemd.transport=busctl"],
} as const;

/** Environment that all sections of a run share: the built program, an engine, nodes. */
export class BenchEnvironment implements BenchContext, AsyncDisposable {
  readonly dir: string;
  readonly #stack = new AsyncDisposableStack();
  readonly #nodes: TestNode[] = [];
  #engine: Promise<Engine> | undefined;
  #processes = 0;

  /** Builds the program. */
  static async open(): Promise<BenchEnvironment> {
    await execa("npm", ["run", "--silent", "build"], { cwd: ROOT });
    return new BenchEnvironment(await mkdtemp(join(tmpdir(), "unitwatch-bench-")));
  }

  private constructor(dir: string) {
    this.dir = dir;
    this.#stack.defer(() => rm(dir, { recursive: true, force: true }));
  }

  engine(): Promise<Engine> {
    this.#engine ??= acquireEngine().then((engine) => this.#stack.use(engine));
    return this.#engine;
  }

  async nodes(count: number): Promise<readonly TestNode[]> {
    const engine = await this.engine();
    while (this.#nodes.length < count) {
      const first = this.#nodes.length;
      const size = Math.min(AT_ONCE, count - first);
      const started = Array.from({ length: size }, (_, at) => startOne(engine, first + at));
      for (const node of await Promise.all(started)) this.#nodes.push(this.#stack.use(node));
    }
    return this.#nodes.slice(0, count);
  }

  async watch(count: number, options: WatchOptions = {}): Promise<Unitwatch> {
    const { route = "engine+socket", args = [], ...run } = options;
    await this.nodes(count);
    const engine = await this.engine();
    const some = count < this.#nodes.length ? [`--watch.filter=label=bench.of${count}=1`] : [];
    const isOnHost = route === "engine+socket";
    return this.watchAt(engine.host, [...ROUTES[route], ...some, ...args], { isOnHost, ...run });
  }

  watchAt(host: string, args: readonly string[] = [], run: RunOptions = {}): Promise<Unitwatch> {
    this.#processes += 1;
    return startUnitwatch({
      host,
      cluster: CLUSTER,
      args,
      storagePath: join(this.dir, `data-${this.#processes}`),
      run: [...(run.nodeArgs ?? []), run.main ?? join(ROOT, "dist/main.js")],
      env: run.env ?? {},
      onHostOf: run.isOnHost === true ? { host } : undefined,
    });
  }

  progress(text: string): void {
    console.error(`# ${text}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function startOne(engine: Engine, number: number): Promise<TestNode> {
  const sizes = SIZES.filter((size) => number < size);
  return startNode(engine, {
    name: `sind-${CLUSTER}-worker-${number}`,
    labels: {
      "sind.cluster": CLUSTER,
      ...Object.fromEntries(sizes.map((size) => [`bench.of${size}`, "1"])),
    },
    args: LOSSLESS_NODE_ARGS,
  });
}
