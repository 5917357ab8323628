/** A session of the matrix: one engine, some nodes, and one unitwatch that watches them all. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { SocketProxy } from "../support/socket-proxy.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import type { EnginePlan, MatrixEngine } from "./engines.ts";
import { type NodePlan, startMatrixNode, SYSTEMD } from "./nodes.ts";
import { runUnits, writeRunUnits } from "./units.ts";

export interface MatrixNode {
  readonly plan: NodePlan;
  readonly node: TestNode;
  /** Units of {@link runUnits}. */
  readonly units: Readonly<Record<string, string>>;
}

export interface Session {
  readonly cluster: string;
  readonly engine: MatrixEngine;
  readonly nodes: readonly MatrixNode[];
  readonly unitwatch: Unitwatch;
  /** Between unitwatch and the engine. */
  readonly proxy: SocketProxy;
  readonly seed: number;
  readonly countSeconds: number;
  /** Ends with the session, also at a signal. */
  readonly stack: AsyncDisposableStack;
}

/** Result of a check of a node. */
export interface Outcome {
  readonly pass: boolean;
  readonly figure: string;
  /** Differences from what is expected. */
  readonly wrong: readonly string[];
}

/** Node that didn't start, with the reason. */
export interface MissingNode {
  readonly plan: NodePlan;
  readonly reason: string;
}

export interface OpenedSession extends AsyncDisposable {
  readonly session: Session;
  readonly missing: readonly MissingNode[];
}

export interface SessionPlan {
  readonly engine: EnginePlan;
  readonly nodes: readonly NodePlan[];
  readonly seed: number;
  readonly countSeconds: number;
}

const CLUSTER = "matrix";
/** A fault takes this many times as long on a slow engine. */
const SLOW_COUNT = 4;

export async function openSession(plan: SessionPlan): Promise<OpenedSession> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const engine = stack.use(await plan.engine.open());
  const proxy = stack.use(new SocketProxy(join(dir, "docker.sock"), engine.engine.host));
  await proxy.start();

  const missing: MissingNode[] = [];
  const started = await Promise.all(
    plan.nodes.map(async (nodePlan) => {
      try {
        const options = { cluster: CLUSTER, args: engine.nodeArgs };
        const node = stack.use(await startMatrixNode(engine.engine, nodePlan, options));
        const units = runUnits(SYSTEMD[nodePlan.suite], { few: engine.isSlow });
        await writeRunUnits(node, units);
        return [{ plan: nodePlan, node, units }];
      } catch (error) {
        missing.push({ plan: nodePlan, reason: String(error) });
        return [];
      }
    }),
  );
  const nodes = started.flat();
  const unitwatch = stack.use(await watch(proxy.host));
  const owned = stack.move();
  const { seed } = plan;
  const countSeconds = plan.countSeconds * (engine.isSlow ? SLOW_COUNT : 1);
  return {
    session: {
      cluster: CLUSTER,
      engine,
      nodes,
      unitwatch,
      proxy,
      seed,
      countSeconds,
      stack: owned,
    },
    missing,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Units that a restarted node has yet to load keep their counters through a slow session. */
const RETAINED = ["--metrics.retention=1h"];

/** Starts unitwatch for the nodes of a session. */
export function watch(host: string): Promise<Unitwatch> {
  return startUnitwatch({ host, cluster: CLUSTER, args: ["--log.level=debug", ...RETAINED] });
}

/** Waits until the node is watched; returns the transport. */
export async function untilWatched(
  { unitwatch }: Pick<Session, "unitwatch">,
  { node }: MatrixNode,
): Promise<string> {
  const transport = await eventually(async () => {
    const up = (await unitwatch.scrape()).select("unitwatch_systemd_up", { container: node.name });
    return up.find(({ value }) => value === 1)?.labels["transport"] ?? false;
  });
  return transport;
}

/** Returns the processes of unitwatch in the node. */
export async function watchers({ node }: MatrixNode): Promise<string[]> {
  const running = await node.processes();
  return running
    .map(({ args }) => args)
    .filter((args) => /stdio-bridge|busctl|journalctl/.test(args));
}

/** Runs a check on all nodes at once; an error is an outcome of its node. */
export function onEach(
  { nodes }: Pick<Session, "nodes">,
  check: (node: MatrixNode) => Promise<Outcome | string>,
): Promise<readonly Outcome[]> {
  return Promise.all(
    nodes.map(async (node) => {
      try {
        const outcome = await check(node);
        return typeof outcome === "string" ? { pass: true, figure: outcome, wrong: [] } : outcome;
      } catch (error) {
        return {
          pass: false,
          figure: "",
          wrong: [error instanceof Error ? error.message : String(error)],
        };
      }
    }),
  );
}
