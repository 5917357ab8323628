import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { execa } from "execa";
import { eventually } from "../../support/eventually.ts";
import { isRunning } from "../../support/unitwatch.ts";

const MODULE = join(import.meta.dirname, "../../../src/platform/process/end-process.ts");

/** Runs a script of its own process. */
async function run(
  script: string,
): Promise<{ exitCode: number | undefined; stdout: string; stderr: string }> {
  const text = `const { endProcess, letProcessEnd } = await import("${MODULE}");\n${script}`;
  const args = ["--input-type=module", "-e", text];
  const { exitCode, stdout, stderr } = await execa(process.execPath, args, { reject: false });
  return { exitCode, stdout, stderr };
}

test("ends the process with the code while handles are open", async () => {
  const { exitCode, stdout, stderr } = await run(`
    setInterval(() => {}, 1_000);
    process.on("exit", (code) => console.log("exit", code));
    endProcess(143);
    console.log("still runs");`);
  expect([exitCode, stdout, stderr]).toEqual([143, "exit 143", ""]);
});

test("ends the process though an exit listener throws", async () => {
  const { exitCode } = await run(`
    process.on("exit", () => { throw new Error("broken"); });
    endProcess(3);`);
  expect(exitCode).toBe(3);
});

test("kills the commands that the process has started", async () => {
  const executor = MODULE.replace("end-process", "execa-executor");
  const { exitCode, stdout } = await run(`
    const { execaExecutor } = await import("${executor}");
    const { stdout } = await execaExecutor().start("sh", ["-c", "echo $$; exec sleep 600"]);
    for await (const pid of stdout) {
      process.stdout.write(String(pid));
      endProcess(0);
    }`);
  expect(exitCode).toBe(0);
  // Until the system has noted its end, a killed process counts as running.
  await eventually(() => !isRunning({ pid: Number(stdout), args: "" }));
});

test("lets the process end by itself when nothing is open", async () => {
  const { exitCode, stdout } = await run(`
    letProcessEnd(3, { limitMs: 2 ** 30, late: (open) => console.log(open) });`);
  expect([exitCode, stdout]).toEqual([3, ""]);
});

test("ends the process at the limit and reports what is open", async () => {
  const { exitCode, stdout } = await run(`
    setInterval(() => {}, 2 ** 30);
    letProcessEnd(3, { limitMs: 1, late: (open) => console.log(open) });`);
  expect([exitCode, stdout]).toEqual([3, "Timeout"]);
});

test("writes all output before the end", async () => {
  const { exitCode, stdout } = await run(`
    process.stdout.write("x".repeat(1_000_000));
    letProcessEnd(4, { limitMs: 2 ** 30, late: () => {} });`);
  expect([exitCode, stdout.length]).toEqual([4, 1_000_000]);
});
