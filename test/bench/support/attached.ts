import { setTimeout as delay } from "node:timers/promises";
import type { Unitwatch } from "../../support/unitwatch.ts";

const LIMIT_MS = 120_000;

/** Waits until `/-/ready` returns 200. */
export async function untilReady(unitwatch: Unitwatch): Promise<void> {
  while ((await unitwatch.get("/-/ready")).status !== 200) await delay(2);
}

/** Returns how many nodes are watched, from the state without containers, which is cheap. */
export async function watchedNodes(unitwatch: Unitwatch): Promise<number> {
  const { text } = await unitwatch.get("/api/v1/state?container=none");
  const { summary } = JSON.parse(text) as { summary: { watched: number } };
  return summary.watched;
}

/** Waits until `nodes` nodes are watched. @throws after two minutes */
export async function untilAttached(unitwatch: Unitwatch, nodes: number): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const watched = await watchedNodes(unitwatch);
    if (watched === nodes) return;
    if (performance.now() > end) throw new Error(`${watched} of ${nodes} nodes are watched`);
    await delay(20);
  }
}
