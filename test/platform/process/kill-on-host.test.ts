import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { expect, test } from "@jest/globals";
import { killOnHost } from "../../../src/platform/process/kill-on-host.ts";

/** Starts a group of two processes; `closed` resolves when both have ended. */
async function startGroup(argument: string) {
  const script = "sleep 600 & echo; wait";
  const child = spawn("/bin/sh", ["-c", script, argument], { detached: true });
  await once(child.stdout, "data");
  return { pid: child.pid ?? 0, closed: once(child, "close") };
}

test("kills the processes that match with their groups, and no other", async () => {
  const [wanted, other] = [randomUUID(), randomUUID()];
  const [first, second] = await Promise.all([startGroup(wanted), startGroup(other)]);
  const programs: string[] = [];
  killOnHost(([program = "", ...args]) => {
    const matches = args.includes(wanted);
    if (matches) programs.push(program);
    return matches;
  });
  await first.closed;
  expect(programs).toEqual(["sh"]);
  expect(process.kill(second.pid, 0)).toBe(true);
  process.kill(-second.pid, "SIGKILL");
  await second.closed;
});
