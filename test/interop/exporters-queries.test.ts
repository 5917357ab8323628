import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { stringify } from "yaml";
import { READING_GROUPS } from "../../src/domain/readings.ts";
import { suiteCommand } from "../support/debian-command.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { startServer } from "../support/foreign-server.ts";
import { LISTENING, Prometheus } from "../support/monitoring.ts";
import { shownQueried, trueQueried } from "../support/queried-truth.ts";
import { slowMs } from "../support/slowness.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { type ForeignQuery, foreignQueries, forUnitwatch } from "./foreign-queries.ts";

const CLUSTER = "interopqueries";
const FAILED = "failed.service";
const LOOP = "loop.service";
const UNITS: Readonly<Record<string, string>> = {
  [FAILED]: "[Service]\nExecStart=false\n",
  [LOOP]:
    "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=sleep 0.2\nRestart=always\nRestartSec=200ms\n",
  "still.service":
    "[Service]\nCPUAccounting=yes\nMemoryAccounting=yes\nIOAccounting=yes\nExecStart=sleep infinity\n",
  "tick.timer": "[Timer]\nOnCalendar=hourly\nUnit=still.service\n",
  "listen.socket": "[Socket]\nListenStream=/run/listen\nAccept=yes\n",
  "listen@.service": "[Service]\nExecStart=true\n",
};

jest.setTimeout(slowMs(180_000));

/** Systemd 247, 257 and 262. */
for (const suite of ["bullseye", "trixie", "sid"] as const) {
  describeEngine(`queries of other exporters in Prometheus 3, on ${suite}`, () => {
    const stack = new AsyncDisposableStack();
    const nodeName = `${CLUSTER}-${suite}`;
    let node: TestNode;
    let unitwatch: Unitwatch;
    let prometheus: Prometheus;
    let queries: readonly ForeignQuery[];

    beforeAll(async () => {
      queries = await foreignQueries();
      const program = await suiteCommand("sid", "prometheus");
      const engine = attachEngine();
      const labels = { "sind.cluster": CLUSTER };
      node = stack.use(await startNode(engine, { name: nodeName, labels, suite }));
      for (const [name, text] of Object.entries(UNITS)) await node.writeUnit(name, text);
      for (const unit of ["still.service", "tick.timer", "listen.socket", FAILED]) {
        await node.tryExec(["systemctl", "start", "--", unit]);
      }
      unitwatch = stack.use(
        await startUnitwatch({
          host: engine.host,
          cluster: CLUSTER,
          args: [`--systemd.collect=${READING_GROUPS.join(",")}`],
        }),
      );
      await unitwatch.untilWatching(1);

      const folder = await mkdtemp(join(tmpdir(), "unitwatch-queries-"));
      const file = join(folder, "prometheus.yml");
      const targets = [`127.0.0.1:${unitwatch.port}`];
      const scrape = {
        job_name: "unitwatch",
        scrape_interval: "1s",
        scrape_timeout: "1s",
        honor_labels: true,
        static_configs: [{ targets }],
      };
      await writeFile(file, stringify({ scrape_configs: [scrape] }));
      const args = [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
      ];
      prometheus = stack.use(
        new Prometheus(await startServer(program, { folder, listening: LISTENING, args })),
      );
    }, slowMs(600_000));
    afterAll(() => stack.disposeAsync());

    test("shows what systemctl shows, with all groups", async () => {
      await unitwatch.until(async (scrape) => {
        expect(shownQueried(scrape, node.name)).toEqual(await trueQueried(node));
      });
    });

    test("returns series for each query that others ship, and their alerts' units", async () => {
      await node.systemctl("start", LOOP);
      expect(queries.map(({ alert }) => alert).filter((alert) => alert !== "")).toEqual([
        "NodeSystemdServiceFailed",
        "NodeSystemdServiceCrashlooping",
      ]);
      expect(queries.length).toBeGreaterThan(2);
      const unitsOf = async ({ expr }: ForeignQuery): Promise<readonly string[]> => {
        const found = await prometheus.query(forUnitwatch(expr));
        return found.map(({ metric }) => metric["name"] ?? "");
      };
      for (const query of queries) {
        await eventually(
          async () => expect([query, (await unitsOf(query)).length > 0]).toEqual([query, true]),
          { withinMs: 60_000 },
        );
      }
      const named = (alert: string): Promise<readonly string[]> =>
        unitsOf(queries.find((query) => query.alert === alert) ?? { file: "", alert, expr: "" });
      expect(await named("NodeSystemdServiceFailed")).toContain(FAILED);
      expect(await named("NodeSystemdServiceCrashlooping")).toEqual([LOOP]);
    });
  });
}
