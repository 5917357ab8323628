import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { READING_GROUPS } from "../../src/domain/readings.ts";
import { clusterName, E2E_RUNTIME } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Suite } from "../support/engine/images.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import {
  type OtlpReceiver,
  type ReceivedLog,
  startOtlpReceiver,
} from "../support/otlp-receiver.ts";
import { shownQueried, trueQueried } from "../support/queried-truth.ts";
import { shownSystemd, trueSystemd } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { truthOf, wrongRecords } from "./count/compare.ts";
import { LOSSLESS_NODE_ARGS } from "./count/load.ts";

const CLUSTER = clusterName("transports");
const TRANSPORTS = ["socket", "dbus", "busctl"] as const;
/** On the engine's host, auto takes the socket. */
const FLAGS = { socket: "auto", dbus: "dbus", busctl: "busctl" } as const;

const UNITS: Readonly<Record<string, string>> = {
  "victim.service": "[Service]\nExecStart=sleep infinity\n",
  "loop.service":
    "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=1min\n" +
    "[Service]\nExecStart=sh -c 'exit 7'\nRestart=on-failure\nRestartSec=100ms\n",
  "before.service": "[Service]\nExecStartPre=sh -c 'exit 5'\nExecStart=sleep infinity\n",
  "late.service": "[Service]\nType=notify\nTimeoutStartSec=100ms\nExecStart=sleep infinity\n",
  "shut.socket": "[Socket]\nListenStream=/proc/nowhere/socket\n",
  "shut.service": "[Service]\nExecStart=sleep infinity\n",
};
/**
 * Its reference keeps the victim loaded. An inactive unit without references is loaded and unloaded
 * by each query that names it, so that other queries see it only sometimes.
 */
const KEEPER =
  "[Unit]\nAfter=victim.service masked.service never.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n";
const COLLECT = `--systemd.collect=${READING_GROUPS.join(",")}`;
/** Units with values that systemd is queried for. */
const QUERIED: Readonly<Record<string, string>> = {
  "still.service":
    "[Service]\nCPUAccounting=yes\nMemoryAccounting=yes\nIOAccounting=yes\nIPAccounting=yes\nTasksMax=77\nExecStart=sleep infinity\n",
  "tick.timer": "[Timer]\nOnActiveSec=0\nUnit=still.service\n",
  "count.socket": "[Socket]\nListenStream=/run/count\nAccept=yes\n",
  "count@.service": "[Service]\nStandardInput=socket\nExecStart=true\n",
  "skipped.service": "[Unit]\nConditionPathExists=/nowhere\n[Service]\nExecStart=true\n",
  "idle.target": "[Unit]\nAfter=skipped.service\n",
};
/** With RestartMode=direct it never enters the state failed. */
const DIRECT =
  "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1min\n" +
  "[Service]\nExecStart=sh -c 'exit 9'\nRestart=on-failure\nRestartMode=direct\nRestartSec=100ms\n";

/** `npm run test:cli` has both: `npm run test:matrix` compares the transports on each suite. */
const SUITES = E2E_RUNTIME === "cli" ? (["bookworm", "trixie"] as const) : (["trixie"] as const);

// Three sidecars watch the same node at the same time over different transports.
for (const suite of SUITES) {
  describeEngine(`socket, dbus and busctl, side by side, on ${suite}`, () => {
    const stack = new AsyncDisposableStack();
    const receivers = new Map<string, OtlpReceiver>();
    const sidecars: Unitwatch[] = [];
    let node: TestNode;

    beforeAll(async () => {
      node = stack.use(await startLoadedNode(suite));
      await Promise.all(
        TRANSPORTS.map(async (transport) => {
          const receiver = stack.use(await startOtlpReceiver());
          receivers.set(transport, receiver);
          const unitwatch = await startUnitwatch({
            host: attachEngine().host,
            cluster: CLUSTER,
            // Records of every state, transient ones included.
            args: [`--systemd.transport=${FLAGS[transport]}`, "--log.level=debug", COLLECT],
            env: receiver.env,
            onHostOf: transport === "socket" ? attachEngine() : undefined,
          });
          stack.use(unitwatch);
          sidecars.push(unitwatch);
          await unitwatch.until(
            (scrape) => scrape.value("unitwatch_systemd_up", { transport }) === 1,
          );
          await unitwatch.untilLogged(
            ({ msg, engine, version = "none" }) =>
              msg === "connected to container engine" &&
              engine === "docker" &&
              (E2E_RUNTIME === "cli") === !/^\d+\.\d+/.test(String(version)),
          );
          await unitwatch.untilLogged(
            ({ msg, nodes, watched }) =>
              msg === "all nodes watched" && nodes === 1 && watched === 1,
          );
        }),
      );
    });
    afterAll(() => stack.disposeAsync());

    async function sidecarOver(transport: string): Promise<Unitwatch> {
      for (const sidecar of sidecars) {
        const scrape = await sidecar.scrape();
        if (scrape.select("unitwatch_systemd_up", { transport }).length > 0) return sidecar;
      }
      throw new Error(`no sidecar is on ${transport}`);
    }

    test("log the same events for the same crashes", async () => {
      const units = unitsOf(suite);
      for (const unit of Object.keys(units)) {
        await node.tryExec(["systemctl", "start", unit]);
        if (unit !== "victim.service" && unit !== "shut.service")
          await node.waitUnit(unit, "failed");
      }
      for (const signal of ["SIGKILL", "SIGSEGV", "SIGTERM"]) {
        await node.crash("victim.service", signal);
        await node.waitUnit("victim.service", signal === "SIGTERM" ? "inactive" : "failed");
        await node.startUnit("victim.service");
      }
      const truth = await truthOf(node);

      for (const receiver of receivers.values()) {
        await receiver.until((logs) => expect(wrongRecords(truth, logs, node.name)).toEqual([]));
      }
      const dbus = receivers.get("dbus");
      if (dbus === undefined) throw new Error("a receiver is missing");
      for (const unit of Object.keys(units)) {
        for (const [transport, other] of receivers) {
          // The last states may arrive later.
          await other.until(() => {
            const records = recordsOf(other.logs, unit);
            expect({ transport, unit, records }).toEqual({
              transport,
              unit,
              records: recordsOf(dbus.logs, unit),
            });
          });
        }
      }
      expect(recordsOf(dbus.logs, "loop.service").length).toBeGreaterThan(10);
    });

    // Since systemd 254.
    test("show the units that systemctl shows, but for those that systemd doesn't find", async () => {
      const fault = { container: node.name, name: "masked.service", load_state: "masked" };
      for (const sidecar of sidecars) {
        await sidecar.until(async (scrape) => {
          const { states, counts } = shownSystemd(scrape, node.name);
          const truth = await trueSystemd(node);
          expect({ states, counts }).toEqual({ states: truth.states, counts: truth.counts });
          expect(scrape.value("systemd_unit_load_state", fault)).toBe(1);
          expect(states).not.toHaveProperty(["never.service"]);
        });
      }
    });

    test("show the values that systemctl shows, but over busctl, which has none", async () => {
      for (const [name, text] of Object.entries(QUERIED)) await node.writeUnit(name, text);
      // The target's reference keeps the skipped service loaded.
      await node.systemctl("start", "idle.target", "count.socket", "tick.timer", "skipped.service");
      await node.waitUnit("still.service", "active");
      for (let connection = 0; connection < 3; connection += 1) {
        await node.exec(["sh", "-c", CONNECT]);
      }
      const of = { container: node.name };
      const busctl = { ...of, transport: "busctl" };
      for (const sidecar of sidecars) {
        await sidecar.until(async (scrape) => {
          const isBlind = scrape.select("unitwatch_systemd_up", busctl).length > 0;
          const truth = isBlind ? {} : await trueQueried(node);
          expect(shownQueried(scrape, node.name)).toEqual(truth);
          const skipped = { ...of, name: "skipped.service" };
          expect(scrape.value("systemd_unit_condition_failed", skipped)).toBe(
            isBlind ? undefined : 1,
          );
          expect(scrape.value("systemd_watchdog_enabled", of)).toBe(isBlind ? undefined : 0);
          const accepted = { ...of, name: "count.socket" };
          expect(scrape.value("systemd_socket_accepted_connections_total", accepted)).toBe(
            isBlind ? undefined : 3,
          );
        });
      }
    });

    test("show no values of a bus that doesn't answer, and all the states", async () => {
      const pid = (await node.systemctl("show", "-P", "MainPID", "dbus.service")).trim();
      const state = { container: node.name, name: "still.service", state: "active" };
      const socket = await sidecarOver("socket");

      await node.exec(["kill", "-STOP", pid]);
      try {
        await socket.until((scrape) => {
          expect(shownQueried(scrape, node.name)).toEqual({});
          expect(scrape.value("systemd_unit_state", state)).toBe(1);
        });
      } finally {
        await node.exec(["kill", "-CONT", pid]);
      }
      await socket.until(async (scrape) => {
        expect(shownQueried(scrape, node.name)).toEqual(await trueQueried(node));
      });
      expect(await reconnectsOf(socket, node)).toBe(0);
    });

    if (suite !== "trixie") return;
    test("send each failure the lines of its own run, where journald has the first run's id", async () => {
      await node.writeUnit(ECHOES, ECHOES_FILE);
      await node.tryExec(["systemctl", "start", ECHOES]);
      await node.waitUnit(ECHOES, "failed");
      for (const transport of ["dbus", "socket"]) {
        await receivers.get(transport)?.until((all) => {
          const logs = all.filter(({ attributes }) => attributes["systemd.unit.name"] === ECHOES);
          const failures = logs.filter(({ eventName }) => eventName === "systemd.unit.failed");
          // The last one is that of the start limit.
          expect(failures).toHaveLength(ECHOES_RUNS + 1);
          const printed = failures.map(({ attributes: { "log.record.uid": uid } }) =>
            logs
              .filter(({ attributes }) => attributes["unitwatch.failure.uid"] === uid)
              .flatMap(({ body }) => /^run \d+$/.exec(String(body))?.[0] ?? []),
          );
          expect(printed.map(({ length }) => length)).toEqual([
            ...Array.from({ length: ECHOES_RUNS }, () => 1),
            0,
          ]);
          expect(new Set(printed.flat()).size).toBe(ECHOES_RUNS);
        });
      }
    });

    test("log a soft reboot once, and the failures after it", async () => {
      await node.systemctl("add-wants", "multi-user.target", "loop.service");
      await node.systemctl("soft-reboot", "--no-block");
      const of = { container: node.name };
      for (const sidecar of sidecars) {
        await sidecar.until((scrape) => {
          expect(scrape.value("systemd_soft_reboots_total", of)).toBe(1);
          expect(scrape.value("unitwatch_systemd_up", of)).toBe(1);
          expect(shownSystemd(scrape, node.name).systemState).toBe("degraded");
        });
      }
      await node.waitUnit("loop.service", "failed");
      const truth = await truthOf(node);
      const dbus = receivers.get("dbus");
      await dbus?.until((logs) => expect(wrongRecords(truth, logs, node.name)).toEqual([]));
      for (const receiver of receivers.values()) {
        const reboots = receiver.logs.filter(
          ({ eventName }) => eventName === "systemd.system.soft_reboot",
        );
        expect(reboots).toMatchObject([
          { severityText: "INFO", attributes: { "container.name": node.name } },
        ]);
      }
    });
  });
}

const ECHOES = "echoes.service";
const ECHOES_RUNS = 6;
const ECHOES_FILE = `[Unit]
StartLimitIntervalSec=60
StartLimitBurst=${ECHOES_RUNS}
[Service]
Restart=on-failure
RestartMode=direct
RestartSec=100ms
ExecStart=sh -c 'echo run $$$$; sleep 0.1; exit 3'
`;

/** Connects to count.socket, and waits until the service has closed the connection. */
const CONNECT =
  "perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(\"/run/count\") or die; <$s>'";

async function reconnectsOf(sidecar: Unitwatch, node: TestNode): Promise<number | undefined> {
  const scrape = await sidecar.scrape();
  return scrape.value("unitwatch_systemd_reconnects_total", { container: node.name });
}

function unitsOf(suite: Suite): Readonly<Record<string, string>> {
  return suite === "trixie" ? { ...UNITS, "direct.service": DIRECT } : UNITS;
}

async function startLoadedNode(suite: Suite): Promise<TestNode> {
  const node = await startNode(attachEngine(), {
    name: `sind-${CLUSTER}-${suite}`,
    labels: { "sind.cluster": CLUSTER },
    suite,
    args: LOSSLESS_NODE_ARGS,
  });
  for (const [name, text] of Object.entries(unitsOf(suite))) await node.writeUnit(name, text);
  await node.systemctl("mask", "masked.service");
  await node.writeUnit("keeper.service", KEEPER);
  await node.startUnit("keeper.service");
  return node;
}

/** Returns a unit's records in order, without attributes that differ between processes. */
function recordsOf(logs: readonly ReceivedLog[], unit: string): unknown[] {
  return (
    logs
      .filter(({ attributes }) => attributes["systemd.unit.name"] === unit)
      // How many lines a failure has depends on when they are read.
      .filter(({ eventName }) => eventName !== "systemd.journal")
      .map(({ eventName, timeNs, severityText, body, attributes }) => {
        // A restart has no time of its own: it has the time of its arrival.
        const isRestart = eventName === "systemd.unit.restart";
        return {
          eventName,
          severityText,
          body,
          attributes,
          timeNs: isRestart ? undefined : timeNs,
        };
      })
  );
}
