import { percentile, row, type Route, type Section } from "./section.ts";
import { untilAttached, untilReady } from "./support/attached.ts";

const NODES = 20;
const ROUNDS = 5;
const ROUTES = ["engine+socket", "engine+dbus"] as const satisfies readonly Route[];

/** Times from the start of the process until it is ready, and until it watches all nodes. */
export const section: Section = {
  name: "start",
  async run(context) {
    await context.nodes(NODES);
    const ready: number[] = [];
    const attached = { "engine+socket": [] as number[], "engine+dbus": [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const route of ROUTES) {
        const begin = performance.now();
        await using unitwatch = await context.watch(NODES, { route, isOnHost: true });
        await untilReady(unitwatch);
        if (route === "engine+socket") ready.push(performance.now() - begin);
        await untilAttached(unitwatch, NODES);
        attached[route].push(performance.now() - begin);
      }
    }
    const seconds = (values: readonly number[]): number => percentile(values, 0.5) / 1_000;
    const socket = seconds(attached["engine+socket"]);
    const dbus = seconds(attached["engine+dbus"]);
    const name = `start to all ${NODES} nodes watched`;
    return [
      row(`start to ready, ${NODES} nodes`, seconds(ready), "s", "<= 2"),
      row(`${name}, engine+socket`, socket, "s"),
      row(`${name}, engine+dbus`, dbus, "s"),
      row(`${name}, engine+socket by engine+dbus`, socket / dbus, "", "<= 0.5"),
    ];
  },
};
