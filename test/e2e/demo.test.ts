import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, expect, test } from "@jest/globals";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Engine } from "../support/engine/docker.ts";

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
    expect(output).toMatch(/^container_oom_events_total\{.*\} 1$/m);
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
