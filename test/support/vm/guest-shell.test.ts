import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { GuestShell } from "./guest-shell.ts";

const stack = new AsyncDisposableStack();
let shell: GuestShell;

// A shell of this machine behind a socket, as qemu shows that of the guest.
beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
  stack.defer(() => rm(dir, { recursive: true }));
  const server = createServer((socket) => {
    const child = spawn("sh", ["-c", "exec sh 2>&1"], { stdio: ["pipe", "pipe", "ignore"] });
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  await once(server.listen(join(dir, "shell.sock")), "listening");
  stack.defer(() => void server.close());
  shell = stack.use(await GuestShell.open(join(dir, "shell.sock")));
});
afterAll(() => stack.disposeAsync());

test("returns the output of each command, in their order", async () => {
  const outputs = ["echo one; echo two", "true", "cat", "printf three"].map((each) =>
    shell.run(each),
  );

  expect(await Promise.all(outputs)).toEqual(["one\ntwo", "", "", "three"]);
});

test("rejects with the output when a command fails", async () => {
  await expect(shell.run("echo why >&2; exit 3")).rejects.toThrow("exit code 3: why");
  expect(await shell.run("echo next")).toBe("next");
});
