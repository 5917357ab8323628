import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { fetchFrom } from "../support/http-client.ts";
import type { Unitwatch } from "../support/unitwatch.ts";
import {
  type BenchContext,
  percentile,
  row,
  type Row,
  type Section,
  type Route,
} from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { sumOf } from "./support/sums.ts";
import { Victims } from "./support/victims.ts";

const VICTIMS = 25;
/** Kills for each kind and route, and kills per turn. */
const KILLS = 500;
const TURN = 125;
const PAUSE_MS = 12;
/** Time for the effects of starting the victims to settle. */
const SETTLE_MS = 500;
const LIMIT_MS = 10_000;
const ROUTES: readonly Route[] = ["engine+socket", "engine+dbus", "cli+busctl"];

interface Times {
  /** Times from the kill until the log line of the failure, which is written when state changes. */
  readonly state: number[];
  /** Times from the kill until the last byte of a scrape that shows it. */
  readonly scrape: number[];
}

/** Time from a kill until it is in state, and in a scrape. Times in ms, by this process's clock. */
export const section: Section = {
  name: "latency",
  async run(context) {
    const [node] = await context.nodes(1);
    if (node === undefined) throw new Error("no node");
    const victims = new Victims(node, VICTIMS, `86${process.pid}`);
    await victims.write();
    const times: Record<Route, Times> = {
      "engine+socket": { state: [], scrape: [] },
      "engine+dbus": { state: [], scrape: [] },
      "cli+busctl": { state: [], scrape: [] },
    };
    while (times["cli+busctl"].state.length < KILLS) {
      for (const route of ROUTES) await turn(context, { route, victims, times: times[route] });
    }
    await victims.stop();
    return [...rowsOf("state", times), ...rowsOf("scrape", times)];
  },
};

async function turn(
  context: BenchContext,
  turnOptions: { readonly route: Route; readonly victims: Victims; readonly times: Times },
): Promise<void> {
  const { route, victims, times } = turnOptions;
  // Lines at level debug have no bound.
  const args = ["--log.level=debug", "--log.changes=none"];
  await using unitwatch = await context.watch(1, { route, args });
  await untilAttached(unitwatch, 1);
  await delay(SETTLE_MS);
  using scraper = new Scrapes(unitwatch);
  for (const [kind, measure] of [
    ["state", (unit: string, pid: number) => untilLogged(unitwatch, unit, pid)],
    ["scrape", (unit: string, pid: number) => scraper.untilShown(unit, pid)],
  ] as const) {
    for (let kills = 0; kills < TURN; kills += VICTIMS) {
      const pids = await victims.start();
      await delay(SETTLE_MS);
      for (const [victim, pid] of pids.entries()) {
        times[kind].push(await measure(victims.name(victim), pid));
        await delay(PAUSE_MS);
      }
    }
  }
}

/** Kills a process, and returns the ms until the program logs the failure. */
async function untilLogged(unitwatch: Unitwatch, unit: string, pid: number): Promise<number> {
  const { log } = unitwatch;
  const seen = log.length;
  const begin = performance.now();
  process.kill(pid, "SIGKILL");
  for (let at = seen; ;) {
    while (at < log.length) {
      const line = log[at]!;
      at += 1;
      if (line.msg === "unit.failed" && line["unit"] === unit) return performance.now() - begin;
    }
    if (performance.now() - begin > LIMIT_MS) throw new Error(`${unit} hasn't failed`);
    await unitwatch.nextLogged();
  }
}

/** Scrapes one after the other on a persistent connection. */
class Scrapes implements Disposable {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(unitwatch: Unitwatch) {
    this.#port = unitwatch.port;
  }

  /** Kills a process, and returns the ms until a scrape shows the failure. */
  async untilShown(unit: string, pid: number): Promise<number> {
    const before = await this.#failures(unit);
    const begin = performance.now();
    process.kill(pid, "SIGKILL");
    while ((await this.#failures(unit)) === before) {
      if (performance.now() - begin > LIMIT_MS) throw new Error(`${unit} hasn't failed`);
    }
    return performance.now() - begin;
  }

  async #failures(unit: string): Promise<number> {
    const { text } = await fetchFrom(this.#port, "/metrics", { agent: this.#agent });
    return sumOf(text, "systemd_unit_failures_total", `name="${unit}"`);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function rowsOf(kind: keyof Times, times: Readonly<Record<Route, Times>>): Row[] {
  const rows: Row[] = [];
  for (const route of ROUTES) {
    for (const part of [0.5, 0.9, 0.99]) {
      const value = percentile(times[route][kind], part);
      const isHeld = kind === "state" && part === 0.99 && route !== "cli+busctl";
      rows.push(
        row(`kill to ${kind}, p${part * 100}, ${route}`, value, "ms", isHeld ? "<= 8" : undefined),
      );
    }
  }
  const isState = kind === "state";
  const ratio = (part: number, [route, other]: readonly [Route, Route], floor: string): void => {
    const value = percentile(times[route][kind], part) / percentile(times[other][kind], part);
    const name = `kill to ${kind}, p${part * 100}, ${route} by ${other}`;
    rows.push(row(name, value, "", isState ? floor : undefined));
  };
  ratio(0.5, ["engine+socket", "engine+dbus"], "<= 0.6");
  ratio(0.99, ["engine+socket", "engine+dbus"], "<= 0.8");
  ratio(0.99, ["engine+dbus", "cli+busctl"], "<= 1.2");
  return rows;
}
