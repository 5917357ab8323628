/*
 * Process with a fake engine and fake nodes that speak the real protocols over a socket:
 * `node fake-peers-process.ts SOCKET NODES UNITS`. Ends when stdin closes. A line `crash RATE SECONDS`
 * on stdin crashes RATE units a second and is answered with their number; `churn JSON` runs a churn
 * with these rates and is answered with its counts as JSON.
 */
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { Churn, type ChurnRates } from "./fake-churn.ts";
import { FakeEngine } from "./fake-engine.ts";

const [socketPath = "", nodes = "1", units = "100"] = process.argv.slice(2);
const engine = new FakeEngine(Number(nodes), Number(units));

/** Crashes units, spread evenly over nodes and time. Resolves to their number. */
async function crash(rate: number, seconds: number): Promise<number> {
  const begin = performance.now();
  let crashes = 0;
  let turn = engine.attached.values();
  while (performance.now() - begin < seconds * 1_000) {
    const due = ((performance.now() - begin) / 1_000) * rate;
    while (crashes < due) {
      const next = turn.next();
      if (next.done === true) turn = engine.attached.values();
      else crashes += next.value.node.crashAll();
      if (engine.attached.length === 0) return crashes;
    }
    await delay(5);
  }
  return crashes;
}

const server = createServer((request, response) => engine.answer(request, response));
server.on("upgrade", (request, socket, head) => engine.upgrade(request, socket, head));
server.listen(socketPath, () => console.log("listening"));

const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const [, rate, seconds] = /^crash (\S+) (\S+)$/.exec(line) ?? [];
  if (rate !== undefined) {
    void crash(Number(rate), Number(seconds)).then((crashes) => console.log(String(crashes)));
    return;
  }
  const [, rates = "{}"] = /^churn (.+)$/.exec(line) ?? [];
  const churn = new Churn(engine, JSON.parse(rates) as ChurnRates);
  void churn.run().then((counts) => console.log(JSON.stringify(counts)));
});
commands.on("close", () => process.exit(0));
