import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Suite } from "../support/engine/images.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import type { Scrape } from "../support/exposition.ts";
import {
  type OtlpReceiver,
  type ReceivedLog,
  startOtlpReceiver,
} from "../support/otlp-receiver.ts";
import { prepareUsers, USER, USER_MANAGER, userctl } from "../support/systemd/user-node.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("users");
const UNITS = {
  "loop.service":
    "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\nRestartSec=100ms\n" +
    `ExecStart=sh -c 'echo run of loop; echo run >>"$$XDG_RUNTIME_DIR/runs"; [ $$(wc -l <"$$XDG_RUNTIME_DIR/runs") -gt 3 ] || exit 3; exec sleep infinity'\n`,
  "once.service": "[Service]\nExecStart=sh -c 'exit 4'\n",
  "keeper.service":
    "[Unit]\nAfter=once.service loop.service\n[Service]\nExecStart=sleep infinity\n",
};

const failures = (scrape: Scrape, name: string): number =>
  scrape
    .select("systemd_unit_failures_total", { user: USER, name })
    .reduce((sum, { value }) => sum + value, 0);

const isWatched = (scrape: Scrape, transport: string): boolean =>
  scrape.value("unitwatch_systemd_up", { user: USER, transport }) === 1;

/** Debian suites of the nodes. */
const SUITES = (process.env["UNITWATCH_USERS_SUITES"] ?? "bookworm").split(",") as Suite[];

for (const suite of SUITES) {
  describeEngine(`user managers on ${suite}`, () => {
    const stack = new AsyncDisposableStack();
    const name = `sind-${CLUSTER}-${suite}`;
    let node: TestNode;
    let receiver: OtlpReceiver;
    let unitwatch: Unitwatch;

    beforeAll(async () => {
      node = stack.use(
        await startNode(attachEngine(), { name, suite, labels: { "sind.cluster": CLUSTER } }),
      );
      await prepareUsers(node, UNITS);
      receiver = stack.use(await startOtlpReceiver());
      unitwatch = stack.use(
        await startUnitwatch({
          host: attachEngine().host,
          cluster: CLUSTER,
          args: ["--systemd.users=on", "--systemd.collect=memory"],
          env: receiver.env,
          onHostOf: attachEngine(),
        }),
      );
      await unitwatch.untilWatching(1);
    });
    afterAll(() => stack.disposeAsync());

    test("watches a user's units from the start of its manager to the end", async () => {
      const before = await unitwatch.scrape();
      expect(before.select("systemd_unit_state", { user: USER })).toEqual([]);
      await node.startUnit(USER_MANAGER);
      await userctl(node, "start", "keeper.service", "loop.service");
      await unitwatch.until((scrape) => isWatched(scrape, "dbus-private"));
      const loops = { user: USER, name: "loop.service" };
      const scrape = await unitwatch.until(
        (each) =>
          each.value("systemd_unit_state", { ...loops, state: "active" }) === 1 &&
          failures(each, "loop.service") === 3,
      );
      expect(scrape.value("systemd_service_restart_total", loops)).toBe(3);
      expect(scrape.value("systemd_system_state", { user: USER, state: "running" })).toBe(1);
      // The system's series are as without users.
      const [own] = scrape.select("systemd_unit_state", { name: USER_MANAGER });
      expect(Object.keys(own?.labels ?? {})).not.toContain("user");
      const failed = (): readonly ReceivedLog[] =>
        receiver.logs.filter(({ eventName }) => eventName === "systemd.unit.failed");
      await receiver.until(() => expect(failed()).toHaveLength(3));
      expect(failed()[0]?.attributes).toMatchObject({
        "user.id": USER,
        "systemd.unit.name": "loop.service",
        "systemd.service.result": "exit-code",
        "container.name": name,
      });
      // Of a process that has ended, journald may know the user alone.
      await receiver.until(() => {
        const lines = receiver.logs.filter(
          ({ eventName, attributes }) =>
            eventName === "systemd.journal" && attributes["user.id"] === USER,
        );
        expect(lines.map(({ body }) => body)).toContain(
          "loop.service: Failed with result 'exit-code'.",
        );
      });
      const { units, systemd } = await unitwatch.container(name);
      expect(units.find((unit) => unit.name === `${USER_MANAGER}/loop.service`)).toMatchObject({
        user: USER,
        failures: { "exit-code": 3 },
      });
      expect(systemd?.users).toMatchObject([{ user: USER, up: true, state: "running" }]);
    });

    test("moves to the user's bus when it starts, and reads the journal after a gap", async () => {
      // The private socket's stream ends.
      await userctl(node, "daemon-reexec");
      await userctl(node, "start", "once.service");
      await unitwatch.until((scrape) => failures(scrape, "once.service") === 1);
      await userctl(node, "start", "dbus.socket", "dbus.service");
      const scrape = await unitwatch.until((each) => isWatched(each, "socket"));
      expect(failures(scrape, "once.service")).toBe(1);
      expect(failures(scrape, "loop.service")).toBe(3);
    });

    test("ends with the manager, and counts on in its next run", async () => {
      const lost = (): number =>
        receiver.logs.filter(({ eventName }) => eventName === "unitwatch.monitor.lost").length;
      const lostBefore = lost();
      await node.systemctl("stop", USER_MANAGER);
      const ended = await unitwatch.until(
        (scrape) => scrape.select("unitwatch_systemd_up", { user: USER }).length === 0,
      );
      expect(ended.select("systemd_unit_state", { user: USER })).toEqual([]);
      expect(failures(ended, "once.service")).toBe(1);
      await node.startUnit(USER_MANAGER);
      await userctl(node, "start", "once.service");
      await unitwatch.until((scrape) => failures(scrape, "once.service") === 2);
      expect(lost()).toBe(lostBefore);
    });
  });
}
