import { expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { type NodeOptions, startNode, type TestNode } from "../support/engine/node.ts";
import type { Scrape } from "../support/exposition.ts";
import { startUnitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("reexec");
const LOOPS = ["one.service", "two.service", "three.service"];
const REEXECS = 4;

/** Each run writes a line as it ends: the truth, since the journal has no lines. */
const LOOP =
  "[Unit]\nStartLimitIntervalSec=0\n[Service]\n" +
  "ExecStart=sh -c 'sleep 0.1; echo end >>/var/%n; exit 1'\nRestart=always\nRestartSec=0\n";
const JOURNALD = ["systemd-journald.service", "systemd-journald.socket"];
const SOCKETS = ["systemd-journald-dev-log.socket", "systemd-journald-audit.socket"];

function failuresIn(scrape: Scrape, name: string): number {
  const series = scrape.select("systemd_unit_failures_total", { name });
  return series.reduce((sum, { value }) => sum + value, 0);
}

interface Case {
  readonly name: string;
  readonly node: Pick<NodeOptions, "suite" | "variant">;
  readonly loop: string;
  readonly prepare: (node: TestNode) => Promise<unknown>;
  /** True if the stream ends when systemd executes itself again. */
  readonly isGap: boolean;
}

const CASES: readonly Case[] = [
  {
    name: "without a journal, on one stream",
    node: {},
    loop: LOOP,
    prepare: (node) => node.systemctl("mask", "--now", ...JOURNALD, ...SOCKETS),
    isGap: false,
  },
  {
    name: "whose lines LogLevelMax= keeps out of the journal, over one gap after the other",
    node: { suite: "trixie", variant: "no-dbus" },
    loop: `${LOOP}LogLevelMax=err\n`,
    prepare: async () => {},
    isGap: true,
  },
];

describeEngine("systemd that executes itself again", () => {
  test.each(CASES)("counts each failure of services $name", async (each) => {
    await using stack = new AsyncDisposableStack();
    const cluster = `${CLUSTER}${CASES.indexOf(each)}`;
    const node = stack.use(
      await startNode(attachEngine(), {
        name: `sind-${cluster}-node`,
        labels: { "sind.cluster": cluster },
        ...each.node,
      }),
    );
    await each.prepare(node);
    for (const name of LOOPS) await node.writeUnit(name, each.loop);
    const unitwatch = stack.use(await startUnitwatch({ host: attachEngine().host, cluster }));
    await unitwatch.untilWatching(1);
    await node.systemctl("start", "--no-block", ...LOOPS);
    for (let reexec = 1; reexec <= REEXECS; reexec += 1) {
      await unitwatch.until((scrape) =>
        LOOPS.every((name) => failuresIn(scrape, name) >= 3 * reexec),
      );
      await node.systemctl("daemon-reexec");
      await unitwatch.until(
        (scrape) => !each.isGap || scrape.value("unitwatch_systemd_reconnects_total") === reexec,
      );
    }
    await node.systemctl("stop", ...LOOPS);
    const truth: Record<string, number> = {};
    for (const name of LOOPS) {
      truth[name] = Number(await node.exec(["grep", "-c", "end", `/var/${name}`]));
    }
    const scrape = await unitwatch.until((shown) =>
      LOOPS.every((name) => failuresIn(shown, name) >= (truth[name] ?? 0)),
    );
    const counted = LOOPS.map((name) => [name, failuresIn(scrape, name)]);
    expect(Object.fromEntries(counted)).toEqual(truth);
    expect(scrape.value("unitwatch_systemd_reconnects_total")).toBe(each.isGap ? REEXECS : 0);
    const problems = unitwatch.log.filter(({ level }) => level === "warn" || level === "error");
    expect(problems.every(({ msg }) => each.isGap && msg === "systemd watch lost")).toBe(true);
  });
});
