import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, expect, test } from "@jest/globals";
import { execa } from "execa";
import { attachEngine, describeEngine, describePrivateEngine } from "../support/engine/attach.ts";
import { runContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { imageName } from "../support/engine/images.ts";
import { TestNode } from "../support/engine/node.ts";
import { systemEnv } from "../support/engine/packages.ts";

const DEMO = join(import.meta.dirname, "../demo/demo.ts");

describeEngine("the demo", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = attachEngine();
  });

  test("shows one round, exits with 0 and leaves nothing behind when --once is given", async () => {
    const demo = startDemo(engine, "--once");
    const { code, output } = await demo.ended;

    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/did {2}kill -9 .* slurmd\.service/);
    expect(output).toMatch(/\+\S+ ms {2}saw {2}ERROR {2}Unit slurmd\.service in .* failed: signal/);
    expect(output).toMatch(/saw {2}WARN {3}5 × Unit slurmctld\.service in .* was restarted/);
    expect(output).toMatch(/saw {2}ERROR {2}Container .* ran out of memory/);
    expect(output).toMatch(/^container_oom_events_total\{.*\} [12]$/m);
    expect(output).toContain("unitwatch saw everything, and its counters agree.");
    // No colours unless the output is a terminal.
    expect(output).not.toContain("\u001B");
    expect(await leftovers(engine)).toBe("");
  });

  test("runs until it is interrupted, and then removes what it started", async () => {
    const demo = startDemo(engine);
    await demo.untilPrinted(/saw {2}INFO/);
    expect(await leftovers(engine)).not.toBe("");

    demo.interrupt();
    const { code, output } = await demo.ended;
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(await leftovers(engine)).toBe("");
  });
});

describeEngine("a node that doesn't boot", () => {
  test("shows its console", async () => {
    const engine = attachEngine();
    const name = `no-boot-${engine.runId}`;
    const print =
      "echo 'Mounting /sys failed.'; printf '\\033[31mFreezing execution.\\033[0m\\r\\n' >&2";
    const command = ["sh", "-c", `${print}; exit 255`];
    const id = await runContainer(engine, { name, image: imageName("bookworm"), command });
    await using node = new TestNode(engine, id, name);
    expect(await node.wait()).toBe(255);
    await expect(node.ready()).rejects.toThrow(
      `node ${name} did not boot: exited with code 255; its console:\n` +
        "  Mounting /sys failed.\n  Freezing execution.",
    );
  });
});

describePrivateEngine("the demo in a chroot", () => {
  test("prints one line and starts nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "unitwatch-chroot-"));
    try {
      // The same files, but not the root of the mount namespace.
      const script = 'mount --rbind / "$0" && exec chroot "$0" "$@"';
      const args = ["--mount", "sh", "-c", script, folder, process.execPath, DEMO, "--once"];
      const { exitCode, stdout, stderr } = await execa("unshare", args, {
        reject: false,
        env: { ...systemEnv(), DOCKER_HOST: "unix:///nowhere.sock" },
      });
      expect({ exitCode, stdout, stderr }).toEqual({
        exitCode: 1,
        stdout: "unitwatch demo",
        stderr:
          "demo: no docker engine answers, and none can be started: / is not the root of the mount namespace, as in a chroot",
      });
    } finally {
      await rmdir(folder);
    }
  });
});

function leftovers(engine: Engine): Promise<string> {
  return engine.docker(["ps", "--all", "--quiet", "--filter", "name=^sind-demo-"]);
}

function startDemo(engine: Engine, ...args: readonly string[]) {
  const demo = spawn(process.execPath, [DEMO, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DOCKER_HOST: engine.host },
  });
  const lines: string[] = [];
  const output = createInterface({ input: demo.stdout }).on("line", (line) => lines.push(line));
  demo.stderr.on("data", (chunk: Buffer) => lines.push(chunk.toString()));
  const ended = once(demo, "close").then(([code]) => ({
    code: code as number | null,
    output: lines.join("\n"),
  }));
  return {
    ended,
    interrupt: () => demo.kill("SIGINT"),
    async untilPrinted(pattern: RegExp): Promise<void> {
      while (!lines.some((line) => pattern.test(line))) {
        await Promise.race([once(output, "line"), ended.then((end) => Promise.reject(end.output))]);
      }
    },
  };
}
