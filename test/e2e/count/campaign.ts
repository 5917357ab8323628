import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../support/engine/docker.ts";
import type { Suite } from "../../support/engine/images.ts";
import { type NodeVariant, startNode, type TestNode } from "../../support/engine/node.ts";
import { SYSTEMD } from "../../matrix/nodes.ts";
import type { SocketProxy } from "../../support/socket-proxy.ts";
import type { Unitwatch } from "../../support/unitwatch.ts";
import { type Truth, truthOf } from "./compare.ts";
import { type Fault, harm } from "./faults.ts";
import {
  keepJournal,
  LOSSLESS_NODE_ARGS,
  type LoadUnit,
  loadUnits,
  startLoad,
  stopLoad,
  writeLoad,
} from "./load.ts";
import { Random } from "./random.ts";

export interface NodePlan {
  /** Short name. */
  readonly name: string;
  readonly suite?: Suite;
  readonly variant?: NodeVariant;
}

/** Node with failing units, and its journal's counts before the first fault. */
export interface LoadedNode {
  readonly node: TestNode;
  readonly plan: NodePlan;
  readonly units: readonly LoadUnit[];
  before: Truth;
  /** Faults in order, with the time of their start. */
  readonly history: string[];
}

/** Starts the node and writes its load without starting it. */
export async function startLoadedNode(
  engine: Engine,
  plan: NodePlan,
  options: { readonly cluster: string; readonly seed: number },
): Promise<LoadedNode> {
  const { name, suite = "bookworm", variant = "full" } = plan;
  const { cluster, seed } = options;
  const node = await startNode(engine, {
    name: `sind-${cluster}-${name}`,
    labels: { "sind.cluster": cluster },
    suite,
    variant,
    args: LOSSLESS_NODE_ARGS,
  });
  await keepJournal(node);
  const random = Random.of(seed, `load ${name}`);
  const units = loadUnits({ random, hasDirectMode: SYSTEMD[suite] >= 254 });
  await writeLoad(node, units);
  return { node, plan, units, before: { failures: [], restarts: [] }, history: [] };
}

export interface Campaign {
  readonly seed: number;
  readonly durationMs: number;
  readonly nodes: readonly LoadedNode[];
  readonly faults: readonly Fault[];
  readonly unitwatch: Unitwatch;
  readonly proxy: SocketProxy;
}

/** Number of faults by node and kind. */
export type FaultCounts = Readonly<Record<string, number>>;

/**
 * Makes all units of all nodes fail, and injects faults into nodes and streams, as the seed decides.
 * Afterwards no unit fails any more, and every node is watched.
 */
export async function runCampaign(campaign: Campaign): Promise<FaultCounts> {
  const { nodes, seed, durationMs, faults, unitwatch, proxy } = campaign;
  const counts: Record<string, number> = {};
  const end = new AbortController();
  for (const each of nodes) each.before = await truthOf(each.node);
  await Promise.all(nodes.map(({ node, units }) => startLoad(node, units)));
  const harming = nodes.map(({ node, units, plan, history }) =>
    harm(
      {
        node,
        units,
        hasBus: plan.variant !== "no-dbus",
        unitwatch: () => unitwatch,
        proxy,
        random: Random.of(seed, `faults ${plan.name}`),
      },
      {
        faults,
        signal: end.signal,
        does(fault) {
          history.push(`${new Date().toISOString().slice(11, -1)} ${fault}`);
          counts[fault] = (counts[fault] ?? 0) + 1;
        },
      },
    ),
  );
  try {
    await Promise.race([delay(durationMs), Promise.all(harming)]);
  } finally {
    end.abort();
    await Promise.allSettled(harming);
  }
  await Promise.all(harming);
  await Promise.all(nodes.map(({ node, units }) => stopLoad(node, units)));
  // The last fault may be a restart: a node without a bus yet is retried a few times.
  await unitwatch.untilWatching(nodes.length);
  return counts;
}
