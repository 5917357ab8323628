import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { eventually } from "../support/eventually.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { parseExposition } from "../support/exposition.ts";
import { prepareUsers, USER, USER_MANAGER, userctl } from "../support/systemd/user-node.ts";
import { builtProgram } from "../support/program.ts";

const ROOT = join(import.meta.dirname, "../..");
const UNIT = "unitwatch.service";

// The shipped unit file, under the systemd of a node.
describeEngine("unitwatch as a service of systemd", () => {
  const stack = new AsyncDisposableStack();
  let node: TestNode;

  beforeAll(async () => {
    const engine = attachEngine();
    const built = builtProgram();
    const socket = new URL(engine.host).pathname;
    const mounts = {
      "/usr/bin/node": join(ROOT, "node_modules/node/bin/node"),
      "/opt/unitwatch/node": join(ROOT, "node_modules/node/bin/node"),
      "/opt/unitwatch/package.json": join(built, "package.json"),
      "/opt/unitwatch/node_modules": join(ROOT, "node_modules"),
      "/opt/unitwatch/dist": join(built, "dist"),
    };
    const readOnly = Object.entries(mounts).map(([to, from]) => `--volume=${from}:${to}:ro`);
    node = stack.use(
      await startNode(engine, {
        name: `service-${engine.runId}`,
        args: [
          ...readOnly,
          `--volume=${socket}:/run/docker.sock`,
          // The host's systemd has them too.
          "--cap-add=SYS_PTRACE",
          "--cap-add=DAC_READ_SEARCH",
        ],
      }),
    );
    const { gid } = await stat(socket);
    await node.exec(["groupadd", "--non-unique", `--gid=${gid}`, "docker"]);
    const text = await readFile(join(ROOT, "deploy/systemd", UNIT), "utf8");
    await node.writeUnit(UNIT, text);
  });
  afterAll(() => stack.disposeAsync());

  const shown = async (property: string): Promise<string> =>
    node.systemctl("show", `--property=${property}`, "--value", UNIT);

  test("has a valid unit file with a low exposure level", async () => {
    const verified = await node.tryExec(["systemd-analyze", "verify", UNIT]);
    expect(verified).toEqual({ exitCode: 0, stdout: "", stderr: "" });

    const { stdout } = await node.tryExec(["systemd-analyze", "--no-pager", "security", UNIT]);
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
    // From 0 (best) to 10; deploy/README.md has the value.
    const readme = await readFile(join(ROOT, "deploy/README.md"), "utf8");
    expect(readme).toContain(`rates the exposure ${exposure} (OK)`);
    expect(Number(exposure)).toBeLessThan(2);
  });

  test("is started for systemd once it knows the containers", async () => {
    const failed = await node.tryExec(["systemctl", "start", UNIT]);
    const log = await node.exec(["journalctl", "--no-pager", "-u", UNIT]);
    expect({ ...failed, log }).toMatchObject({ exitCode: 0 });

    expect(await shown("ActiveState")).toBe("active");
    const scrape = await scrapeInside();
    expect(scrape.value("unitwatch_engine_up")).toBe(1);
    const watched = scrape.select("container_info", { container: node.name });
    expect(watched).toHaveLength(1);
    expect(await node.exec(["ls", "/var/lib/unitwatch/"])).toMatch(/\w/);
  });

  test("is not root and has no capability", async () => {
    const status = await node.exec(["cat", `/proc/${await shown("MainPID")}/status`]);
    expect(status).toMatch(/^Uid:\t[1-9]/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test("runs as nobody with two capabilities when it has the drop-in for the socket", async () => {
    await using _dropIns = await withDropIns("socket.conf");
    const status = await node.exec(["cat", `/proc/${await shown("MainPID")}/status`]);
    expect(status).toMatch(/^Uid:(?:\t65534){4}$/m);
    // SYS_PTRACE and DAC_READ_SEARCH.
    expect(status).toMatch(/^CapEff:\t0000000000080004$/m);
    expect(status).toMatch(/^CapBnd:\t0000000000080004$/m);
    expect((await scrapeInside()).value("unitwatch_engine_up")).toBe(1);
  });

  test("watches the host and its users as root, who may become them, when it has both drop-ins", async () => {
    await prepareUsers(node, { "once.service": "[Service]\nExecStart=sh -c 'exit 4'\n" });
    await node.startUnit(USER_MANAGER);
    await using _dropIns = await withDropIns("host.conf", "users.conf");
    const status = await node.exec(["cat", `/proc/${await shown("MainPID")}/status`]);
    expect(status).toMatch(/^Uid:(?:\t0){4}$/m);
    // SETUID and SETGID.
    expect(status).toMatch(/^CapEff:\t00000000000000c0$/m);
    expect(status).toMatch(/^CapBnd:\t00000000000000c0$/m);
    await eventually(async () => {
      const ups = (await scrapeInside()).select("unitwatch_systemd_up", { transport: "host" });
      expect(ups.filter(({ labels }) => labels["container"] === undefined)).toEqual(
        [{}, { user: USER }].map((labels) =>
          expect.objectContaining({ value: 1, labels: { ...labels, transport: "host" } }),
        ),
      );
    });
    await userctl(node, "start", "once.service");
    await eventually(async () => {
      const failures = (await scrapeInside()).select("systemd_unit_failures_total", { user: USER });
      // The node is a container of the engine, too.
      const host = failures.filter(({ labels }) => labels["container"] === undefined);
      expect(host).toMatchObject([{ value: 1, labels: { name: "once.service" } }]);
    });
    await node.systemctl("stop", USER_MANAGER);
  });

  test("notifies systemd's watchdog while it runs, and is restarted when it hangs", async () => {
    const hurry = "[Service]\\nWatchdogSec=1s\\nTimeoutAbortSec=100ms\\nRestartSec=100ms\\n";
    await node.exec(["sh", "-c", `mkdir /run/systemd/system/${UNIT}.d`]);
    const path = `/run/systemd/system/${UNIT}.d/hurry.conf`;
    await node.exec(["sh", "-c", `printf '${hurry}' >${path}`]);
    await node.systemctl("daemon-reload");
    await node.systemctl("restart", UNIT);
    const pid = await shown("MainPID");

    await eventually(async () => {
      const notified = Number(await shown("WatchdogTimestampMonotonic"));
      const started = Number(await shown("ExecMainStartTimestampMonotonic"));
      return notified - started > 2_500_000;
    });
    expect(await shown("MainPID")).toBe(pid);
    expect(await shown("NRestarts")).toBe("0");

    await node.exec(["kill", "-STOP", pid]);
    await eventually(async () => (await shown("NRestarts")) === "1");
    const log = await node.exec(["journalctl", "--no-pager", "-u", UNIT]);
    expect(log).toContain("Failed with result 'watchdog'");
    await eventually(async () => (await shown("ActiveState")) === "active");
  });

  test("exits with 0 when it is stopped", async () => {
    await node.systemctl("stop", UNIT);
    expect(await shown("Result")).toBe("success");
    expect(await shown("ExecMainStatus")).toBe("0");
    const log = await node.exec(["journalctl", "--no-pager", "-u", UNIT, "--output=cat"]);
    expect(log).not.toContain("service manager notification failed");
    expect(log).toContain("unitwatch stopped");
  });

  test.each([
    ["its configuration is invalid", "Environment=UNITWATCH_LOG_LEVEL=loud", "2"],
    ["Node.js is missing", "ExecStart=\\nExecStart=/nowhere/node", "203"],
    ["the group of the socket is missing", "SupplementaryGroups=nowhere", "216"],
  ])("is not started again when %s", async (_, setting, status) => {
    const path = `/run/systemd/system/${UNIT}.d/invalid.conf`;
    await node.exec(["sh", "-c", `printf '[Service]\\n${setting}\\n' >${path}`]);
    await node.systemctl("daemon-reload");
    try {
      // Before a restart the state would be activating.
      expect(await node.tryExec(["systemctl", "start", UNIT])).toMatchObject({ exitCode: 1 });
      expect(await shown("ActiveState")).toBe("failed");
      expect(await shown("ExecMainStatus")).toBe(status);
      if (status !== "2") return;
      // The journal may get the line later, and without the run, which has ended.
      await eventually(async () => {
        const lines = await node.exec(["journalctl", "--no-pager", "-u", UNIT, "--output=cat"]);
        expect(lines).toMatch(/^unitwatch: error: UNITWATCH_LOG_LEVEL: [^\n]*expected[^\n]*$/m);
      });
    } finally {
      await node.exec(["rm", path]);
      await node.systemctl("daemon-reload");
    }
  });

  test("runs with another Node.js by the shipped drop-in", async () => {
    const folder = `/run/systemd/system/${UNIT}.d`;
    const text = await readFile(join(ROOT, "deploy/systemd/node.conf"), "utf8");
    await node.exec(["sh", "-c", `cat >${folder}/node.conf`], { input: text });
    await node.systemctl("daemon-reload");
    await node.systemctl("start", UNIT);
    const command = await node.exec(["cat", `/proc/${await shown("MainPID")}/cmdline`]);
    expect(command).toMatch(/^\/opt\/unitwatch\/node\0/);
  });

  /** Lets the service run with these files of deploy/systemd, until the result is disposed. */
  async function withDropIns(...files: readonly string[]): Promise<AsyncDisposable> {
    const folder = `/run/systemd/system/${UNIT}.d`;
    await node.exec(["mkdir", folder]);
    for (const file of files) {
      const input = await readFile(join(ROOT, "deploy/systemd", file), "utf8");
      await node.exec(["sh", "-c", `cat >${folder}/${file}`], { input });
    }
    const restart = async (): Promise<void> => {
      await node.systemctl("daemon-reload");
      await node.systemctl("restart", UNIT);
    };
    await restart();
    return {
      async [Symbol.asyncDispose]() {
        await node.exec(["rm", "-r", folder]);
        await restart();
      },
    };
  }

  async function scrapeInside() {
    const script = `fetch("http://localhost:10558/metrics").then((r) => r.text()).then(console.log)`;
    return parseExposition(`${(await node.exec(["node", "--eval", script])).trim()}\n`);
  }
});
