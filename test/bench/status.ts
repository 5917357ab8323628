import { StatusFleet } from "../support/status-fleet.ts";

const NODES = 1_000;
const UNITS = 100;
const ROUNDS = 10;

/** Makes a fleet of 1,000 nodes with 100 units each; on ten nodes a unit failed. */
function bigFleet(): StatusFleet {
  const made = new StatusFleet();
  for (let node = 0; node < NODES; node += 1) {
    const labels = { "sind.cluster": "bench" };
    const record = made.node(`sind-bench-worker-${node}`, { units: UNITS, labels });
    if (node % 100 === 0) made.fails(record, "slurmd.service");
  }
  return made;
}

/**
 * Returns the median milliseconds of a round, and the longest time that this thread worked without
 * a break, in CPU time: other processes on the machine don't count.
 */
async function time(
  run: () => Promise<Buffer>,
): Promise<Readonly<Record<"ms" | "longest stall, ms" | "MB", number>>> {
  const times: number[] = [];
  let bytes = 0;
  let stallMs = 0;
  let isOver = false;
  const cpuMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  await run();
  let last = cpuMs();
  const beat = (): void => {
    const now = cpuMs();
    stallMs = Math.max(stallMs, now - last);
    last = now;
    if (!isOver) setImmediate(beat);
  };
  setImmediate(beat);
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    bytes = (await run()).length;
    times.push(performance.now() - begin);
  }
  isOver = true;
  const median = times.toSorted((a, b) => a - b)[ROUNDS / 2] ?? 0;
  const round = (value: number): number => Math.round(value * 10) / 10;
  return { ms: round(median), "longest stall, ms": round(stallMs), MB: round(bytes / 1e6) };
}

const { routes } = bigFleet().status;
console.table({
  "the state": await time(() => routes.state(undefined)),
  "the status page": await time(() => routes.page(undefined)),
  "the state of one container": await time(() => routes.state(["sind-bench-worker-7"])),
});
