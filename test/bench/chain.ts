import { setTimeout as delay } from "node:timers/promises";
import { row, type Route, type Row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { CHAIN_PARTS, type ChainPart, chainCpu, commandsIn } from "./support/chain-use.ts";
import { prepareStorm, startStorm, stopStorm } from "./support/storm-units.ts";
import { sumOf } from "./support/sums.ts";

const NODES = 5;
const UNITS = 20;
/** Turns of each kind, and their duration after the programs have warmed up. */
const TURNS = 2;
const SECONDS = 10;
const WARM_UP_MS = 4_000;
const SETTLE_MS = 1_000;

/** A transport, with or without the last lines of each failure. */
interface Kind {
  readonly name: string;
  readonly route: Route;
  readonly args: readonly string[];
}

const NO_LINES = ["--journal.records=off"];
const KINDS = [
  { name: "engine+dbus", route: "engine+dbus", args: [] },
  { name: "engine+socket", route: "engine+socket", args: [] },
  { name: "engine+dbus, no lines", route: "engine+dbus", args: NO_LINES },
  { name: "engine+socket, no lines", route: "engine+socket", args: NO_LINES },
] as const satisfies readonly Kind[];
type KindName = (typeof KINDS)[number]["name"];

interface Sums {
  readonly cpu: Record<ChainPart, number>;
  changes: number;
  commands: number;
  commandBytes: number;
}

/** CPU of a change in all that is behind the nodes' buses, and what runs in the nodes for it. */
export const section: Section = {
  name: "chain",
  async run(context) {
    const nodes = await context.nodes(NODES);
    await prepareStorm(nodes, UNITS);
    const sums = Object.fromEntries(KINDS.map(({ name }) => [name, noSums()])) as Record<
      KindName,
      Sums
    >;
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (const { name, route, args } of KINDS) {
        await using unitwatch = await context.watch(NODES, { route, args, isOnHost: true });
        await untilAttached(unitwatch, NODES);
        await delay(SETTLE_MS);
        const sum = sums[name];
        const commands = commandsIn(unitwatch.pid);
        sum.commands = Math.max(sum.commands, commands.count);
        sum.commandBytes = Math.max(sum.commandBytes, commands.rssBytes);
        await startStorm(nodes);
        await delay(WARM_UP_MS);
        const first = (await unitwatch.get("/metrics")).text;
        const before = chainCpu(unitwatch.pid);
        await delay(SECONDS * 1_000);
        const last = (await unitwatch.get("/metrics")).text;
        const after = chainCpu(unitwatch.pid);
        await stopStorm(nodes);
        for (const part of CHAIN_PARTS) sum.cpu[part] += after[part] - before[part];
        const metric = "unitwatch_events_total";
        sum.changes += sumOf(last, metric) - sumOf(first, metric);
      }
    }
    const rows = KINDS.flatMap(({ name, route }) => rowsOf(name, route, sums[name]));
    for (const lines of ["", ", no lines"] as const) {
      const ratio = cpuOf(sums[`engine+socket${lines}`]) / cpuOf(sums[`engine+dbus${lines}`]);
      const name = `CPU of a change behind the buses, engine+socket by engine+dbus${lines}`;
      rows.push(row(name, ratio, "", "<= 0.33"));
    }
    return rows;
  },
};

function rowsOf(name: KindName, route: Route, sums: Sums): Row[] {
  const { changes, cpu, commands, commandBytes } = sums;
  const none = route === "engine+socket" ? "== 0" : undefined;
  return [
    row(`changes, ${name}`, changes / (TURNS * SECONDS), "/s"),
    ...CHAIN_PARTS.map((part) =>
      row(`CPU of a change, ${part}, ${name}`, (cpu[part] / changes) * 1e6, "µs"),
    ),
    row(`CPU of a change behind the buses, ${name}`, cpuOf(sums), "µs"),
    row(`processes in a watched node, ${name}`, commands / NODES, "", none),
    row(`their memory in a node, ${name}`, commandBytes / NODES / 1e6, "MB", none),
  ];
}

function noSums(): Sums {
  const cpu = { dockerd: 0, containerd: 0, shims: 0, bridges: 0, unitwatch: 0 };
  return { cpu, changes: 0, commands: 0, commandBytes: 0 };
}

/** Returns the µs of CPU of one change. */
function cpuOf({ cpu, changes }: Sums): number {
  return (CHAIN_PARTS.reduce((sum, part) => sum + cpu[part], 0) / changes) * 1e6;
}
