import { percentile, row, type Section } from "./section.ts";
import { untilAttached, untilReady } from "./support/attached.ts";

const NODES = 20;
const ROUNDS = 5;

/** Times from the start of the process until it is ready, and until it watches all nodes. */
export const section: Section = {
  name: "start",
  async run(context) {
    await context.nodes(NODES);
    const ready: number[] = [];
    const attached: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const begin = performance.now();
      await using unitwatch = await context.watch(NODES);
      await untilReady(unitwatch);
      ready.push(performance.now() - begin);
      await untilAttached(unitwatch, NODES);
      attached.push(performance.now() - begin);
    }
    const seconds = (values: readonly number[]): number => percentile(values, 0.5) / 1_000;
    return [
      row(`start to ready, ${NODES} nodes`, seconds(ready), "s", "<= 2"),
      row(`start to all ${NODES} nodes watched`, seconds(attached), "s"),
    ];
  },
};
