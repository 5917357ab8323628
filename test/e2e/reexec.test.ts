import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import type { Scrape } from "../support/exposition.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("reexec");
const LOOPS = ["one.service", "two.service", "three.service"];
const REEXECS = 4;

/** Each run writes a line as it ends: the truth, since there is no journal. */
const LOOP =
  "[Unit]\nStartLimitIntervalSec=0\n[Service]\n" +
  "ExecStart=sh -c 'sleep 0.1; echo end >>/var/%n; exit 1'\nRestart=always\nRestartSec=0\n";
const JOURNALD = ["systemd-journald.service", "systemd-journald.socket"];
const SOCKETS = ["systemd-journald-dev-log.socket", "systemd-journald-audit.socket"];

function failuresIn(scrape: Scrape, name: string): number {
  const series = scrape.select("systemd_unit_failures_total", { name });
  return series.reduce((sum, { value }) => sum + value, 0);
}

describeEngine("systemd that executes itself again without a journal", () => {
  const stack = new AsyncDisposableStack();
  let node: TestNode;
  let unitwatch: Unitwatch;

  beforeAll(async () => {
    node = stack.use(
      await startNode(attachEngine(), {
        name: `sind-${CLUSTER}-node`,
        labels: { "sind.cluster": CLUSTER },
      }),
    );
    await node.systemctl("mask", "--now", ...JOURNALD, ...SOCKETS);
    for (const name of LOOPS) await node.writeUnit(name, LOOP);
    unitwatch = stack.use(await startUnitwatch({ host: attachEngine().host, cluster: CLUSTER }));
    await unitwatch.untilWatching(1);
  });
  afterAll(() => stack.disposeAsync());

  test("counts each failure, on one stream", async () => {
    await node.systemctl("start", "--no-block", ...LOOPS);
    for (let reexec = 1; reexec <= REEXECS; reexec += 1) {
      await unitwatch.until((scrape) =>
        LOOPS.every((name) => failuresIn(scrape, name) >= 3 * reexec),
      );
      await node.systemctl("daemon-reexec");
    }
    await node.systemctl("stop", ...LOOPS);
    const truth: Record<string, number> = {};
    for (const name of LOOPS) {
      truth[name] = Number(await node.exec(["grep", "-c", "end", `/var/${name}`]));
    }
    const scrape = await unitwatch.until((each) =>
      LOOPS.every((name) => failuresIn(each, name) >= (truth[name] ?? 0)),
    );
    const counted = LOOPS.map((name) => [name, failuresIn(scrape, name)]);
    expect(Object.fromEntries(counted)).toEqual(truth);
    expect(scrape.value("unitwatch_systemd_reconnects_total")).toBe(0);
    expect(unitwatch.log.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
  });
});
