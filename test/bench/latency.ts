import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { fetchFrom } from "../support/http-client.ts";
import type { Unitwatch } from "../support/unitwatch.ts";
import { type BenchContext, percentile, row, type Row, type Section, type Way } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { sumOf } from "./support/sums.ts";
import { Victims } from "./support/victims.ts";

const VICTIMS = 25;
/** Kills of each kind and way, in turns of so many. */
const KILLS = 500;
const TURN = 125;
const PAUSE_MS = 12;
/** Until all that starting the victims brought about is over. */
const SETTLE_MS = 500;
const LIMIT_MS = 10_000;
const WAYS: readonly Way[] = ["engine+dbus", "cli+busctl"];

interface Times {
  /** From the kill until the log says that the unit failed: it does so as soon as state has it. */
  readonly state: number[];
  /** From the kill until the last byte of a scrape that has it. */
  readonly scrape: number[];
}

/** How long after a process was killed it is known, and shown. Times in ms, by this process's clock. */
export const section: Section = {
  name: "latency",
  async run(context) {
    const [node] = await context.nodes(1);
    if (node === undefined) throw new Error("no node");
    const victims = new Victims(node, VICTIMS, `86${process.pid}`);
    await victims.write();
    const times: Record<Way, Times> = {
      "engine+dbus": { state: [], scrape: [] },
      "cli+busctl": { state: [], scrape: [] },
    };
    while (times["cli+busctl"].state.length < KILLS) {
      for (const way of WAYS) await turn(context, { way, victims, times: times[way] });
    }
    await victims.stop();
    return [...rowsOf("state", times), ...rowsOf("scrape", times)];
  },
};

async function turn(
  context: BenchContext,
  about: { readonly way: Way; readonly victims: Victims; readonly times: Times },
): Promise<void> {
  const { way, victims, times } = about;
  await using unitwatch = await context.watch(1, { way, args: ["--log.level=debug"] });
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

/** Kills, and gives the ms until the program's log tells of the failure. */
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

/** One scrape after another on a connection that is kept. */
class Scrapes implements Disposable {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(unitwatch: Unitwatch) {
    this.#port = unitwatch.port;
  }

  /** Kills, and gives the ms until a scrape shows the failure. */
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

function rowsOf(kind: keyof Times, times: Readonly<Record<Way, Times>>): Row[] {
  const rows: Row[] = [];
  const p99: Record<string, number> = {};
  for (const way of WAYS) {
    for (const part of [0.5, 0.9, 0.99]) {
      const value = percentile(times[way][kind], part);
      const isHeld = kind === "state" && part === 0.99 && way === "engine+dbus";
      rows.push(
        row(`kill to ${kind}, p${part * 100}, ${way}`, value, "ms", isHeld ? "<= 8" : undefined),
      );
    }
    p99[way] = percentile(times[way][kind], 0.99);
  }
  const ratio = (p99["engine+dbus"] ?? Number.NaN) / (p99["cli+busctl"] ?? Number.NaN);
  const floor = kind === "state" ? "<= 1.2" : undefined;
  rows.push(row(`kill to ${kind}, p99, engine+dbus by cli+busctl`, ratio, "", floor));
  return rows;
}
