import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type CommandExit, runCommand, startCommand } from "../support/command.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startContainer, type TestContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { slowMs } from "../support/slowness.ts";

const CLUSTER = "e2ewait";
/** Uses the engine's command. */
const BY_COMMAND = "--docker.runtime=cli";
const NODE = `sind-${CLUSTER}-controller`;
const labels = { "sind.cluster": CLUSTER };
/** Fails until the file exists. */
const GATED = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=test -e /run/open-%N\n";

describeEngine("unitwatch wait", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;

  beforeAll(async () => {
    engine = attachEngine();
    node = stack.use(await startNode(engine, { name: NODE, labels }));
    for (const unit of ["later", "bad", "fixed"]) await node.writeUnit(`${unit}.service`, GATED);
    await node.writeUnit(
      "named.service",
      "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n",
    );
    await node.exec(["ln", "-s", "named.service", "/etc/systemd/system/nick.service"]);
    await node.startUnit("nick.service");
  });
  afterAll(() => stack.disposeAsync());

  const wait = (...args: readonly string[]): Promise<CommandExit> =>
    runCommand(engine.host, ["wait", ...args]);
  const startWait = (...args: readonly string[]) =>
    startCommand(engine.host, ["wait", "--timeout=40s", "--log.level=debug", ...args]);

  /** Starts a container without systemd that is healthy once the file exists. */
  const startWeb = (name: string): Promise<TestContainer> =>
    startContainer(engine, {
      name: `sind-${CLUSTER}-${name}`,
      args: ["--health-cmd=test -e /ok", "--health-interval=300ms", "--health-retries=1000000"],
    });

  test.each([
    ["auto", BY_COMMAND],
    ["busctl", "--docker.runtime=engine"],
  ])(
    "exits with 0 when all conditions hold already, over %s with %s",
    async (transport, runtime) => {
      const { code, stdout, stderr } = await wait(
        `--container=${NODE}`,
        "--unit=dbus",
        "--unit=none.service=inactive",
        "--unit=nick",
        "--unit=default.target",
        "--system=running,degraded",
        "--log.level=error",
        `--systemd.transport=${transport}`,
        runtime,
      );
      expect(stderr).toBe("");
      expect(stdout).toMatch(
        /^true after \d+\.\ds: \S+-controller runs, dbus\.service is active, none\.service is inactive, nick\.service \(named\.service\) is active, default\.target \(\w+-?\w*\.target\) is active, systemd is (?:running|degraded)\n$/,
      );
      expect(code).toBe(0);
    },
  );

  test.each(["auto", "busctl"])(
    "doesn't take an alias for a unit that isn't loaded, over %s",
    async (transport) => {
      const { code, stdout, stderr } = await wait(
        `--container=${NODE}`,
        "--unit=nick.service=inactive",
        `--timeout=${slowMs(3_000)}ms`,
        `--systemd.transport=${transport}`,
      );
      expect(stdout).toBe("");
      expect(stderr).toContain(
        `\n  ${NODE}: nick.service (named.service) is active (exited), expected inactive\n`,
      );
      expect(code).toBe(1);
    },
  );

  test("exits with 0 when an event makes the conditions hold, and leaves nothing in the container", async () => {
    await using waiting = startWait("--watch.cluster", CLUSTER, "--unit", "later.service=active");
    await waiting.untilLogged("later.service isn't loaded, expected active");
    await node.exec(["touch", "/run/open-later"]);
    await node.startUnit("later.service");
    expect(await waiting.exited).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^true after .*-controller runs, later\.service is active\n$/),
    });
    await eventually(async () => {
      const left = (await node.processes()).filter(({ args }) => /bridge|busctl/.test(args));
      expect(left).toEqual([]);
    });
  });

  test("exits with 1 at the time limit and lists what is missing", async () => {
    const args = ["--container=never-there", "--unit=none.service", "--timeout=500ms"];
    const { code, stdout, stderr } = await wait(...args);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^unitwatch wait: not true at the time limit, after .*:$/m);
    expect(stderr.trimEnd().split("\n").slice(-2)).toEqual([
      "  never-there: no such container yet",
      "  never-there: none.service isn't known, expected active",
    ]);
    expect(code).toBe(1);
  });

  test("exits with 1 when a unit fails", async () => {
    await using waiting = startWait(`--container=${NODE}`, "--unit=bad", "--system=running");
    await waiting.untilLogged("bad.service isn't loaded");
    await node.systemctl("start", "--no-block", "bad.service");
    const { code, stderr } = await waiting.exited;
    expect(stderr).toMatch(/\nunitwatch wait: can't become true any more, after .*:\n/);
    const failed = `  ${NODE}: bad.service is failed (exit-code, 1), expected active\n`;
    expect(stderr).toContain(`\n${failed}    result exit-code, exit status 1\n`);
    expect(stderr).toMatch(
      /\n {4}[-\dT:.]+Z systemd\[1\]: bad\.service: Failed with result 'exit-code'\.\n/,
    );
    expect(stderr).toMatch(
      /\n {2}\S+: systemd is degraded: .*bad\.service.* failed, expected running\n/,
    );
    expect(code).toBe(1);

    const brief = await wait(`--container=${NODE}`, "--unit=bad", "--lines=0");
    expect(brief.stderr).toMatch(/:\n {2}\S+: bad\.service is failed[^\n]*, expected active\n$/);
  });

  test("status prints the last lines of a unit that failed before", async () => {
    const args = ["status", "--url=none", NODE, "bad"];
    const { code, stdout, stderr } = await runCommand(engine.host, args);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^bad\.service in \S+: failed/);
    expect(stdout).toMatch(
      /\n\n(?: {2}[-\dT:.]+Z \S+: .+\n)* {2}[-\dT:.]+Z systemd\[1\]: bad\.service: Failed with result 'exit-code'\.\n/,
    );
    expect(code).toBe(0);
  });

  test("exits with 0 when a failed unit recovers and --keep-waiting is given", async () => {
    await node.tryExec(["systemctl", "start", "fixed.service"]);
    await using waiting = startWait(`--container=${NODE}`, "--unit=fixed", "--keep-waiting");
    await waiting.untilLogged("fixed.service is failed");
    await node.exec(["touch", "/run/open-fixed"]);
    await node.startUnit("fixed.service");
    expect(await waiting.exited).toMatchObject({ code: 0 });
  });

  test("waits for a container that is created later, and for its health", async () => {
    const name = `sind-${CLUSTER}-healthy`;
    await using waiting = startWait("--container", name, "--health", "healthy");
    await waiting.untilLogged("no such container yet");
    await using web = await startWeb("healthy");
    await waiting.untilLogged("is starting, expected healthy");
    await web.exec(["touch", "/ok"]);
    const { code, stdout } = await waiting.exited;
    expect(stdout).toMatch(new RegExp(`^true after .*: ${name} runs, is healthy\n$`));
    expect(code).toBe(0);
  });

  test("exits with 1 when a container is removed or has no systemd", async () => {
    await using web = await startWeb("web");
    const args = ["--container", web.id, "--health=healthy"];
    await using byApi = startWait(...args);
    await using byCommand = startWait(...args, BY_COMMAND);
    const plain = await wait(`--container=${web.name}`, "--system=running");
    expect(plain.stderr).toContain(
      `\n  ${web.name}: systemd: the container doesn't run systemd, expected running\n`,
    );
    expect(plain.code).toBe(1);

    for (const each of [byApi, byCommand]) await each.untilLogged("is starting, expected healthy");
    await web.remove();
    for (const { exited } of [byApi, byCommand]) {
      const { code, stderr } = await exited;
      expect(stderr).toContain("\nunitwatch wait: can't become true any more, after ");
      // An inspection can come between the end and the removal.
      expect(stderr).toMatch(new RegExp(`\n  ${web.name}: (?:is being|was) removed\n`));
      expect(code).toBe(1);
    }
  });

  test("exits with 128 plus the number of the signal", async () => {
    await using waiting = startWait(`--container=${NODE}`, "--unit=none");
    await waiting.untilLogged("none.service isn't loaded");
    waiting.child.kill("SIGTERM");
    const { code, stderr } = await waiting.exited;
    expect(stderr).toContain("\nunitwatch wait: ended by SIGTERM after ");
    expect(stderr).toContain(`\n  ${NODE}: none.service isn't loaded, expected active\n`);
    expect(code).toBe(143);
  });
});
