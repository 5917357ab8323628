import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { useOfTree } from "./support/process-tree.ts";

const NODES = 20;
const SETTLE_MS = 15_000;
const SECONDS = 60;

/** Cost of watching idle nodes. */
export const section: Section = {
  name: "idle",
  async run(context) {
    await using unitwatch = await context.watch(NODES);
    await untilAttached(unitwatch, NODES);
    await delay(SETTLE_MS);
    const before = { ...useOfTree(unitwatch.pid), wakes: wakesOf(unitwatch.pid) };
    await delay(SECONDS * 1_000);
    const after = { ...useOfTree(unitwatch.pid), wakes: wakesOf(unitwatch.pid) };
    const busy = (after.cpuSeconds - before.cpuSeconds) / SECONDS;
    return [
      row(`CPU at rest, ${NODES} nodes, of a core`, busy * 100, "%", "<= 0.2"),
      row("wake-ups at rest", (after.wakes - before.wakes) / SECONDS, "/s"),
    ];
  },
};

/** Returns how often the main thread went to sleep. */
function wakesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
}
