import { setImmediate } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import type { Process } from "../../../src/domain/process.ts";
import { execaExecutor } from "../../../src/platform/process/execa-executor.ts";

const shell = async (script: string): Promise<Process> =>
  execaExecutor().start("sh", ["-c", script]);

async function textOf(process: Process): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdout) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

test("passes on input and output, and reports the exit", async () => {
  const process = await shell("cat; echo warning >&2; exit 3");
  process.stdin?.write("one\n");
  process.stdin?.write(Buffer.from("two\n"));
  process.stdin?.end();
  expect(await textOf(process)).toBe("one\ntwo\n");
  expect(await process.exited).toEqual({ exitCode: 3, signal: undefined, stderr: "warning\n" });
});

test("passes arguments without a shell", async () => {
  const process = await execaExecutor().start("printf", ["%s|", "a b", "$HOME", "{{json .}}", ""]);
  expect(await textOf(process)).toBe("a b|$HOME|{{json .}}||");
});

test("rejects when the command is missing, and names it", async () => {
  const start = execaExecutor().start("unitwatch-no-such-command", ["x"]);
  await expect(start).rejects.toThrow(/^can't start unitwatch-no-such-command: .*ENOENT/);
});

test("rejects when the file can't be executed", async () => {
  const start = execaExecutor().start(import.meta.filename, []);
  await expect(start).rejects.toThrow(/^can't start .*EACCES/);
});

test("keeps all output until it is read", async () => {
  const process = await shell("head -c 5000000 /dev/zero");
  let hasExited = false;
  const exited = (async () => {
    await process.exited;
    hasExited = true;
  })();
  for (let turn = 0; turn < 100; turn++) await setImmediate();
  expect(hasExited).toBe(false);
  expect((await textOf(process)).length).toBe(5_000_000);
  await exited;
});

test("keeps the last 4 KiB of stderr", async () => {
  const process = await shell("head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2");
  const exit = (await process.exited) as { stderr: string };
  expect(exit.stderr).toBe(`${"x".repeat(4092)}end\n`);
});

test("ends at once when killed with unread output, and ignores a second kill", async () => {
  const process = await shell("trap '' TERM; yes");
  process.kill();
  expect(await process.exited).toMatchObject({ exitCode: undefined, signal: "SIGKILL" });
  process.kill();
});

test("ignores writes to a command that doesn't read or has ended", async () => {
  const process = await shell("exec <&-; echo closed; exec sleep 600");
  await process.stdout[Symbol.asyncIterator]().next();
  process.stdin?.write("x".repeat(1_000_000));
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  process.kill();
  expect(await process.exited).toMatchObject({ signal: "SIGKILL" });
  process.stdin?.write("more");
  process.stdin?.end();
  for (let turn = 0; turn < 10; turn++) await setImmediate();
});

test("resolves the exit when the caller stops reading early", async () => {
  const process = await shell("echo first; exec sleep 600");
  for await (const chunk of process.stdout) {
    expect(String(chunk)).toBe("first\n");
    break;
  }
  process.kill();
  expect(await process.exited).toMatchObject({ signal: "SIGKILL" });
});

test("resolves the exit when another process has inherited stderr", async () => {
  const process = await shell("sleep 600 >/dev/null & echo $! >&2; exit 0");
  const { exitCode, stderr } = (await process.exited) as { exitCode: number; stderr: string };
  globalThis.process.kill(Number(stderr), "SIGKILL");
  expect(exitCode).toBe(0);
});

test("ends stdout after a kill when another process has inherited it", async () => {
  const process = await shell("sleep 600 & echo $!; wait");
  let pid: number | undefined;
  const read = (async () => {
    for await (const chunk of process.stdout) {
      pid = Number(String(chunk));
      process.kill();
    }
  })();
  await expect(read).rejects.toThrow("Premature close");
  expect(await process.exited).toMatchObject({ signal: "SIGKILL" });
  globalThis.process.kill(pid ?? 0, "SIGKILL");
});
