import { randomUUID } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import type { TestNode } from "../../support/engine/node.ts";

/** Returns the pid, in this namespace, of a process in the node: one that sees a file made there. */
export async function pidOfNode(node: TestNode): Promise<number> {
  const mark = `run/unitwatch-bench-${randomUUID()}`;
  await node.exec(["touch", `/${mark}`]);
  const pids = readdirSync("/proc").map(Number);
  const pid = pids.find((each) => each > 0 && existsSync(`/proc/${each}/root/${mark}`));
  if (pid === undefined) throw new Error(`no process of this machine has ${mark} in its root`);
  return pid;
}
