import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type StartedCommand, startCommand } from "../support/command.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";

const CLUSTER = "e2eevents";
const NODE = `sind-${CLUSTER}-controller`;
const labels = { "sind.cluster": CLUSTER };
const ODD = String.raw`a\x2db@\x22x\x22.service`;
const SLEEPS = "[Service]\nExecStart=sleep infinity\n";

describeEngine("unitwatch events", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;

  beforeAll(async () => {
    engine = attachEngine();
    node = stack.use(await startNode(engine, { name: NODE, labels }));
    await node.writeUnit(String.raw`a\x2db@.service`, SLEEPS);
    await node.writeUnit("other.service", SLEEPS);
    await node.exec(["ln", "-s", "other.service", "/etc/systemd/system/nick.service"]);
  });
  afterAll(() => stack.disposeAsync());

  /** Starts the command and waits until it watches the node. */
  async function startEvents(...args: readonly string[]): Promise<StartedCommand> {
    const started = startCommand(engine.host, [
      "events",
      `--watch.cluster=${CLUSTER}`,
      "--log.level=debug",
      ...args,
    ]);
    await started.untilLogged(`msg="watching systemd" container=${NODE}`);
    return started;
  }

  test("prints changes as they happen, as text and as JSON", async () => {
    await using human = await startEvents();
    await using json = await startEvents(
      "--json",
      "--unit",
      ODD,
      "--kind=unit.failed",
      "--docker.runtime=cli",
    );
    await node.startUnit(ODD);
    await node.startUnit("other.service");
    await node.crash(ODD);
    await node.waitUnit(ODD, "failed");
    await using web = await startContainer(engine, { name: `sind-${CLUSTER}-web`, labels });
    await web.kill();
    await eventually(() => human.stdout.includes("container.die"));
    await eventually(() => json.stdout.includes("\n"));
    human.child.kill("SIGINT");
    json.child.kill("SIGTERM");

    const { code, stdout } = await human.exited;
    expect(code).toBe(130);
    const lines = stdout.trimEnd().split("\n");
    const at = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
    const shown = (line: RegExp): string[] => lines.filter((each) => line.test(each));
    const odd = ODD.replaceAll(/[\\.]/g, String.raw`\$&`);
    expect(
      shown(
        new RegExp(`^${at}  ${NODE}  unit\\.active +${odd}  ActiveState=active SubState=running`),
      ),
    ).toHaveLength(1);
    expect(
      shown(new RegExp(`^${at}  ${NODE}  unit\\.failed +${odd}  .*Result=signal$`)),
    ).toHaveLength(1);
    expect(shown(/ unit\.active +other\.service /)).toHaveLength(1);
    expect(shown(new RegExp(`^${at}  sind-${CLUSTER}-web +container\\.start +-$`))).toHaveLength(1);
    expect(
      shown(new RegExp(`^${at}  sind-${CLUSTER}-web +container\\.die +-  exitCode=137$`)),
    ).toHaveLength(1);
    expect(stdout).not.toContain("\u001B");

    const end = await json.exited;
    expect(end.code).toBe(143);
    const printed = end.stdout.trimEnd().split("\n");
    expect(printed).toHaveLength(1);
    expect(JSON.parse(printed[0] ?? "")).toMatchObject({
      kind: "unit.failed",
      severity: "ERROR",
      container: NODE,
      node: "controller",
      cluster: CLUSTER,
      unit: ODD,
      message: `Unit ${ODD} in ${NODE} failed: signal, SIGKILL.`,
      attributes: { "event.name": "systemd.unit.failed", "systemd.service.result": "signal" },
    });
  });

  test("prints changes of the unit that an alias stands for, which nothing had loaded", async () => {
    await node.systemctl("stop", "other.service");
    await using events = await startEvents("--unit=nick.service", "--kind=unit.active");
    await node.startUnit("other.service");
    await eventually(() => events.stdout.includes("\n"));
    expect(events.stdout).toMatch(/ unit\.active +other\.service \(nick\.service\) /);
  });

  test("ends without an error when its output is closed", async () => {
    await using events = await startEvents("--container=sind-*", "--unit=oth*");
    await node.systemctl("restart", "other.service");
    await eventually(() => events.stdout.includes("\n"));
    events.child.stdout?.destroy();
    await node.systemctl("restart", "other.service");
    const { code, stderr } = await events.exited;
    expect(stderr).not.toMatch(/level=(?!debug)|EPIPE/);
    expect(code).toBe(0);
  });
});
