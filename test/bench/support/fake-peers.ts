import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ChurnCounts, ChurnRates } from "./fake-churn.ts";

export interface FakePeers extends AsyncDisposable {
  /** Address in the format of DOCKER_HOST. */
  readonly host: string;
  /** Crashes and restarts units on all nodes. Resolves to the number of crashes. */
  crash(rate: number, seconds: number): Promise<number>;
  /** Starts and removes units and containers. Resolves to their numbers. */
  churn(rates: ChurnRates): Promise<ChurnCounts>;
}

let started = 0;

/** Starts a process with a fake engine of `nodes` nodes with `units` units each. */
export async function startFakePeers(
  dir: string,
  nodes: number,
  units: number,
): Promise<FakePeers> {
  started += 1;
  const socket = join(dir, `fake-${started}.sock`);
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "fake-peers-process.ts"), socket, String(nodes), String(units)],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const closed = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.value !== "listening") throw new Error("the fake engine did not start");
  return {
    host: `unix://${socket}`,
    async crash(rate, seconds) {
      child.stdin.write(`crash ${rate} ${seconds}\n`);
      return Number((await lines.next()).value);
    },
    async churn(rates) {
      child.stdin.write(`churn ${JSON.stringify(rates)}\n`);
      return JSON.parse(String((await lines.next()).value)) as ChurnCounts;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await closed;
    },
  };
}
