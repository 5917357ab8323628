import type { Scrape } from "../../support/exposition.ts";
import type { TestNode } from "../../support/engine/node.ts";
import { eventually } from "../../support/eventually.ts";
import type { OtlpReceiver, ReceivedLog } from "../../support/otlp-receiver.ts";
import { shownSystemd, trueSystemd } from "../../support/truth.ts";
import type { Campaign, LoadedNode, NodePlan } from "./campaign.ts";
import {
  type Truth,
  truthOf,
  truthSince,
  wrongCounters,
  wrongExitCodes,
  wrongRecords,
} from "./compare.ts";

/** Number of changes that were counted correctly. */
export interface Verdict {
  readonly failures: number;
  readonly restarts: number;
}

export interface JudgeOptions {
  readonly receiver: OtlpReceiver;
  /** True to print all records of a unit whose count is wrong. */
  readonly trace: boolean;
}

/**
 * Compares counters, records and state with the nodes' own; all must agree within 2 s.
 *
 * @throws with every difference, the node's faults and the seed
 */
export async function judge(campaign: Campaign, options: JudgeOptions): Promise<Verdict> {
  const { nodes, unitwatch, seed } = campaign;
  const truths = new Map<LoadedNode, Truth>();
  await Promise.all(
    nodes.map(async (each) => truths.set(each, truthSince(await truthOf(each.node), each.before))),
  );
  await eventually(
    async () => {
      const scrape = await unitwatch.scrape();
      const lines: string[] = [];
      for (const [each, truth] of truths)
        lines.push(...(await wrongIn(each, truth, scrape, options)));
      if (lines.length === 0) return;
      throw new Error(`differences with UNITWATCH_COUNT_SEED=${seed}:\n${lines.join("\n")}`);
    },
    { withinMs: 2_000, everyMs: 100 },
  );
  const all = [...truths.values()];
  return {
    failures: all.reduce((sum, { failures }) => sum + failures.length, 0),
    restarts: all.reduce((sum, { restarts }) => sum + restarts.length, 0),
  };
}

async function wrongIn(
  { node, plan, units, history }: LoadedNode,
  truth: Truth,
  scrape: Scrape,
  { receiver, trace }: JudgeOptions,
): Promise<string[]> {
  const wrong = [
    ...(await wrongState(node, scrape, plan)),
    ...wrongCounters(truth, scrape, node.name),
    ...wrongRecords(truth, receiver.logs, node.name),
    ...wrongExitCodes(receiver.logs, node.name, units),
  ];
  if (wrong.length === 0) return [];
  const about = new Set(wrong.flatMap((line) => /\S+\.(?:service|socket)\b/.exec(line) ?? []));
  return [
    ...wrong.map((line) => `${node.name}: ${line}`),
    ...(trace ? [...about].flatMap((unit) => traceOf(unit, node.name, receiver.logs)) : []),
    `${node.name}: watched: ${await watchOf(node, scrape)}`,
    `${node.name}: what was done: ${history.join(", ")}`,
  ];
}

/** Returns whether the node is watched, by which transport, and its processes in the node. */
async function watchOf(node: TestNode, scrape: Scrape): Promise<string> {
  const watches = scrape
    .select("unitwatch_systemd_up", { container: node.name })
    .map(({ labels, value }) => `${labels["transport"]} ${value}`);
  const commands = (await node.processes()).filter(({ args }) =>
    /stdio-bridge|journalctl|busctl|dbus-daemon/.test(args),
  );
  return [...watches, ...commands.map(({ pid, args }) => `${pid} ${args}`)].join(", ");
}

async function wrongState(node: TestNode, scrape: Scrape, plan: NodePlan): Promise<string[]> {
  const truth = await trueSystemd(node);
  let shown;
  try {
    shown = shownSystemd(scrape, node.name);
  } catch (error) {
    return [`state: ${String(error)}`];
  }
  const lines: string[] = [];
  if (shown.systemState !== truth.systemState) {
    lines.push(`state: system is shown ${shown.systemState}, is ${truth.systemState}`);
  }
  for (const unit of new Set([...Object.keys(truth.states), ...Object.keys(shown.states)])) {
    const [actual, displayed] = [
      truth.states[unit] ?? "not loaded",
      shown.states[unit] ?? "not loaded",
    ];
    if (actual !== displayed) lines.push(`state: ${unit} is shown ${displayed}, is ${actual}`);
    const [isUs, saysUs] = [truth.activeUs[unit], shown.activeUs[unit]];
    // systemctl of 247 shows no microseconds.
    if (isUs !== saysUs && plan.suite !== "bullseye")
      lines.push(`state: ${unit} active since ${saysUs}, is ${isUs}`);
  }
  for (const [state, count] of Object.entries(truth.counts)) {
    if (shown.counts[state] !== count) {
      lines.push(`state: ${shown.counts[state]} units are shown ${state}, are ${count}`);
    }
  }
  return lines;
}

function traceOf(unit: string, container: string, logs: readonly ReceivedLog[]): string[] {
  return logs
    .filter(({ attributes }) => attributes["container.name"] === container)
    .filter(
      ({ attributes, eventName }) =>
        (attributes["systemd.unit.name"] === unit && eventName !== "systemd.journal") ||
        eventName.startsWith("unitwatch."),
    )
    .map(
      ({ timeNs, observedNs, attributes, body }) =>
        `  ${clock(timeNs)}, seen ${clock(observedNs)}: ${String(body)} ` +
        String(attributes["systemd.unit.sub_state"]),
    );
}

function clock(timeNs: bigint): string {
  const ms = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(11, -1);
  return ms + String((timeNs / 1_000n) % 1_000n).padStart(3, "0");
}
