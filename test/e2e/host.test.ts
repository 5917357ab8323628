import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { execa } from "execa";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { enterNode, PROGRAM_VOLUMES } from "../support/engine/engine-host.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import type { Scrape } from "../support/exposition.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { prepareUsers, USER, USER_MANAGER, userctl } from "../support/systemd/user-node.ts";
import { shownSystemd, trueSystemd } from "../support/truth.ts";
import { programFile } from "../support/program.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const MAIN = programFile();
const NAME = "e2ehost";
/** Each run writes a line; after the last of them it stays. */
const RUNS = 6;
const LOOP =
  "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\nRestartSec=400ms\n" +
  `ExecStart=sh -c 'echo run >>/var/runs; [ $$(wc -l </var/runs) -gt ${RUNS} ] || exit 3; exec sleep infinity'\n`;
const ONCE = "[Service]\nExecStart=sh -c 'exit 4'\n";

/** The node is the host: unitwatch runs as one of its programs, and finds no engine. */
describeEngine("the host as a node", () => {
  const stack = new AsyncDisposableStack();
  let node: TestNode;
  let receiver: OtlpReceiver;
  let enter: readonly string[];
  let unitwatch: Unitwatch;

  const start = (): Promise<Unitwatch> =>
    startUnitwatch({
      host: "unix:///run/no-engine.sock",
      cluster: NAME,
      storagePath: "/var/lib/unitwatch",
      args: ["--systemd.host=on", "--systemd.users=on"],
      env: receiver.env,
      enter,
    });

  beforeAll(async () => {
    node = stack.use(await startNode(attachEngine(), { name: NAME, args: PROGRAM_VOLUMES }));
    receiver = stack.use(await startOtlpReceiver());
    enter = await enterNode(node);
    await node.exec(["mkdir", "/var/lib/unitwatch"]);
    await node.writeUnit("loop.service", LOOP);
    await node.writeUnit("once.service", ONCE);
    // It keeps once.service loaded.
    await node.writeUnit(
      "keeper.service",
      "[Unit]\nAfter=once.service\n[Service]\nExecStart=sleep infinity\n",
    );
    await node.startUnit("keeper.service");
    unitwatch = await start();
    await unitwatch.until(isWatched);
  });
  afterAll(async () => {
    await using _node = stack;
    await unitwatch.stop();
  });

  test("shows what systemctl shows, without a label for a container, and is ready", async () => {
    const truth = await trueSystemd(node);
    const scrape = await unitwatch.until((each) => shown(each).systemState === truth.systemState);
    expect(shown(scrape)).toEqual(truth);
    const [sample] = scrape.select("systemd_unit_state", { name: "keeper.service" });
    expect(Object.keys(sample?.labels ?? {}).toSorted()).toEqual(["name", "node", "state", "type"]);
    expect(scrape.select("container_info")).toEqual([]);
    expect(scrape.value("unitwatch_engine_up")).toBe(0);
    expect((await unitwatch.get("/-/ready")).status).toBe(200);
  });

  test("counts every run of a crash loop while the bus and systemd restart", async () => {
    const waiting = runIn(enter, ["wait", "--host", "--unit=loop.service", "--keep-waiting"]);
    await node.startUnit("loop.service");
    await unitwatch.until((scrape) => failures(scrape, "loop.service") >= 1);
    await node.systemctl("restart", "dbus.service");
    await unitwatch.until((scrape) => failures(scrape, "loop.service") >= 3);
    await node.systemctl("daemon-reexec");
    await unitwatch.until((scrape) => failures(scrape, "loop.service") >= 4);
    // Without a bus it goes on over systemd's own socket, and back to the bus.
    await node.systemctl("mask", "--runtime", "--now", "dbus.socket", "dbus.service");
    await node.waitUnit("loop.service", "active");
    await eventually(async () => Number(await node.exec(["sh", "-c", "wc -l </var/runs"])) > RUNS);
    const scrape = await unitwatch.until(
      (each) => each.value("systemd_unit_state", { name: "loop.service", state: "active" }) === 1,
    );
    expect(failures(scrape, "loop.service")).toBe(RUNS);
    const restarts = Number(
      await node.systemctl("show", "--property=NRestarts", "--value", "loop.service"),
    );
    expect(scrape.value("systemd_service_restart_total", { name: "loop.service" })).toBe(restarts);
    await node.systemctl("unmask", "--runtime", "dbus.socket", "dbus.service");
    await node.systemctl("start", "dbus.socket", "dbus.service");
    await unitwatch.untilLogged(
      ({ msg, host }) => msg === "moved to a better transport" && host === NAME,
    );
    expect((await waiting).code).toBe(0);
  });

  test("watches the units of a user of the host, as that user", async () => {
    await prepareUsers(node, { "mine.service": ONCE });
    await node.startUnit(USER_MANAGER);
    await unitwatch.until(
      (scrape) => scrape.value("unitwatch_systemd_up", { transport: "host", user: USER }) === 1,
    );
    await userctl(node, "start", "mine.service");
    const scrape = await unitwatch.until(
      (each) => each.select("systemd_unit_failures_total", { user: USER }).length === 1,
    );
    const [failed] = scrape.select("systemd_unit_failures_total", { user: USER });
    const { user, name, result, container } = failed?.labels ?? {};
    expect({ user, name, result, container }).toEqual({
      user: USER,
      name: "mine.service",
      result: "exit-code",
    });
    await node.systemctl("stop", USER_MANAGER);
  });

  test("counts what happened while unitwatch didn't run, and sends records of the host", async () => {
    unitwatch.signal("SIGKILL");
    await unitwatch.exited;
    await node.tryExec(["systemctl", "start", "once.service"]);
    await node.waitUnit("once.service", "failed");
    unitwatch = await start();
    await unitwatch.until((scrape) => failures(scrape, "once.service") === 1);
    const record = await eventually(
      () =>
        receiver.logs.find(
          ({ eventName, attributes }) =>
            eventName === "systemd.unit.failed" &&
            attributes["systemd.unit.name"] === "once.service",
        ) ?? false,
    );
    expect(record.attributes).toMatchObject({
      "host.name": NAME,
      "unitwatch.node": NAME,
      "unitwatch.recovered": true,
      "systemd.service.result": "exit-code",
    });
    expect(Object.keys(record.attributes).filter((name) => name.startsWith("container."))).toEqual(
      [],
    );
    const { containers } = JSON.parse((await unitwatch.get("/api/v1/state")).text) as {
      readonly containers: readonly unknown[];
    };
    expect(containers).toMatchObject([
      { isHost: true, name: "", node: NAME, systemd: { up: true, transport: "host" } },
    ]);
  });

  test("prints the state of the host and of a unit without an engine or another unitwatch", async () => {
    await node.tryExec(["systemctl", "start", "once.service"]);
    await node.waitUnit("once.service", "failed");
    const status = ["status", "--url=none", "--systemd.host=on"];
    const all = await runIn(enter, status);
    expect(all).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^ +once\.service +failed/m),
    });
    const one = await runIn(enter, [...status, NAME, "once"]);
    expect(one).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^once\.service in e2ehost: failed[^]*ended with +4$[^]*once\.service: Failed with result/m,
      ),
    });
    const without = await runIn(enter, ["status", "--url=none", "--docker.runtime=engine"]);
    expect(without).toMatchObject({ code: 1, stdout: "" });
    expect(without.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/^unitwatch status: the engine can't be read: /),
    ]);
  });

  test("waits for the host's units without an engine", async () => {
    const good = await runIn(enter, ["wait", "--host", "--unit=keeper"]);
    expect(good).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${NAME} keeper.service is active`),
    });
    const bad = await runIn(enter, ["wait", "--host", "--unit=once.service", "--timeout=10s"]);
    expect(bad).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${NAME}: once.service is failed, expected active`),
    });
  });
});

async function runIn(enter: readonly string[], args: readonly string[]) {
  const [command = "", ...before] = enter;
  const words = [...before, process.execPath, MAIN, ...args];
  const { exitCode, stdout, stderr } = await execa(command, words, { reject: false });
  return { code: exitCode, stdout, stderr };
}

function shown(scrape: Scrape): ReturnType<typeof shownSystemd> {
  return shownSystemd(scrape, { node: NAME });
}

function isWatched(scrape: Scrape): boolean {
  return scrape.value("unitwatch_systemd_up", { transport: "host" }) === 1;
}

function failures(scrape: Scrape, name: string): number {
  return scrape
    .select("systemd_unit_failures_total", { name })
    .reduce((sum, { value }) => sum + value, 0);
}
