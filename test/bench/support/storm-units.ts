import { setTimeout as delay } from "node:timers/promises";
import { keepJournal } from "../../e2e/count/load.ts";
import type { TestNode } from "../../support/engine/node.ts";

const SETTLE_MS = 2_000;
/** MESSAGE_ID of a failed unit, and of a restart by Restart=; see systemd.journal-fields(7). */
const FAILED = "d9b373ed55a64feb8242e02dbe79a49c";
const RESTARTED = "5eb03494b6584870a536b337290809b3";

/** Writes `units` services that crash and restart for ever once the storm is started. */
export async function prepareStorm(nodes: readonly TestNode[], units: number): Promise<void> {
  const names = Array.from({ length: units }, (_, unit) => `storm-${unit}.service`);
  const unit =
    "[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=false\\nRestart=always\\nRestartSec=0\\n";
  const script = [
    "cd /etc/systemd/system",
    ...names.map((name) => `printf '${unit}' >${name}`),
    `printf '[Unit]\\nWants=${names.join(" ")}\\n' >storm.target`,
    "systemctl daemon-reload",
  ];
  await Promise.all(
    nodes.map(async (node) => {
      await keepJournal(node);
      await node.exec(["sh", "-c", script.join("\n")]);
    }),
  );
}

export async function startStorm(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.systemctl("start", "--no-block", "storm.target")));
}

export async function stopStorm(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.systemctl("stop", "storm.target", "storm-*.service")));
  await delay(SETTLE_MS);
}

/** Lines of a journal. */
export interface StormCounts {
  readonly failures: number;
  readonly restarts: number;
}

/** Counts failures and restarts in the journals of all nodes. */
export async function stormCounts(nodes: readonly TestNode[]): Promise<StormCounts> {
  const counts = await Promise.all(nodes.map(countsOf));
  const sum = (what: keyof StormCounts): number =>
    counts.reduce((all, each) => all + each[what], 0);
  return { failures: sum("failures"), restarts: sum("restarts") };
}

async function countsOf(node: TestNode): Promise<StormCounts> {
  const count = (id: string): string =>
    `journalctl --quiet --output=cat --output-fields=MESSAGE MESSAGE_ID=${id} | wc -l`;
  const script = `journalctl --sync; ${count(FAILED)}; ${count(RESTARTED)}`;
  const [failures, restarts] = (await node.exec(["sh", "-c", script])).split("\n").map(Number);
  return { failures: failures ?? Number.NaN, restarts: restarts ?? Number.NaN };
}
