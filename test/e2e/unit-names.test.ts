import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { shownFailures, shownSystemd, trueSystemd } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("names");
const NODE = `sind-${CLUSTER}-controller`;

/** systemd accepts ASCII letters, digits, `:-_.\` and `@`; other characters are escaped. */
const UNITS = [
  String.raw`a\x2db@\x22x\x22.service`,
  String.raw`caf\xc3\xa9\x20\x7b\x7d\x2c.service`,
  String.raw`end\x0a\x5c.service`,
  "co:lon_dash-..dots.service",
  "-.service",
  "1st.service",
  "plain@1.service",
  "plain@a@b.service",
  String.raw`plain@\xf0\x9f\x90\x99-x.service`,
  `${"n".repeat(192)}.service`,
  `${"m".repeat(200)}@${"i".repeat(46)}.service`,
];
const LIVE = "[Service]\nExecStart=sleep infinity\n";

describeEngine("unusual unit names", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let receiver: OtlpReceiver;

  beforeAll(async () => {
    engine = attachEngine();
    [node, receiver] = await Promise.all([
      startNode(engine, { name: NODE, labels: { "sind.cluster": CLUSTER } }),
      startOtlpReceiver(),
    ]);
    stack.use(node);
    stack.use(receiver);
    const files = new Set(UNITS.map((unit) => unit.replace(/@.*(?=\.)/, "@")));
    for (const file of files) {
      await node.exec(["sh", "-c", 'cat >"/etc/systemd/system/$1"', "sh", file], { input: LIVE });
    }
    await node.systemctl("daemon-reload");
  });
  afterAll(() => stack.disposeAsync());

  test.each(["dbus", "busctl"])(
    "are shown and logged as in systemctl, over %s",
    async (transport) => {
      const from = receiver.logs.length;
      await using unitwatch: Unitwatch = await startUnitwatch({
        host: engine.host,
        cluster: CLUSTER,
        args: [`--systemd.transport=${transport}`],
        env: receiver.env,
      });
      await unitwatch.untilWatching(1);
      await node.systemctl("start", "--", ...UNITS);
      const active = Object.fromEntries(UNITS.map((unit) => [unit, "active"]));
      expect((await trueSystemd(node)).states).toMatchObject(active);
      await unitwatch.until((scrape) =>
        expect(shownSystemd(scrape, NODE).states).toMatchObject(active),
      );

      await node.systemctl("kill", "--signal=SIGKILL", "--", ...UNITS);
      await unitwatch.until(async (scrape) => {
        expect(shownFailures(scrape, NODE)).toEqual(
          Object.fromEntries(UNITS.map((unit) => [unit, { signal: 1 }])),
        );
        expect(shownSystemd(scrape, NODE).states).toEqual((await trueSystemd(node)).states);
      });
      await receiver.until((logs) => {
        const logged = logs
          .slice(from)
          .filter(({ eventName }) => eventName === "systemd.unit.failed");
        const names = logged.map(({ attributes }) => String(attributes["systemd.unit.name"]));
        expect(names.sort()).toEqual([...UNITS].sort());
      });
    },
  );

  test("are shown when the units existed before the start", async () => {
    await node.systemctl("start", "--", ...UNITS);
    await using unitwatch = await startUnitwatch({ host: engine.host, cluster: CLUSTER });

    await unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    });
  });
});
