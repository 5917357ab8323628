import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { HostProcesses } from "../../../src/engine/proc/host-process.ts";
import { FakeHost } from "../../support/fake-host.ts";

let host: FakeHost;
let processes: HostProcesses;

beforeEach(() => {
  host = new FakeHost();
  processes = new HostProcesses(() => 2_000_000_000_000n, host.proc);
});
afterEach(() => host[Symbol.dispose]());

test("reads a process whose name has brackets and spaces", () => {
  host.process({ pid: 7, parent: 3, comm: "a) R 1 (b", pids: [7, 2], startTicks: 42 });
  expect(processes.find(7)).toEqual({
    pid: 7,
    parent: 3,
    comm: "a) R 1 (b",
    startTicks: 42n,
    pids: [7, 2],
  });
});

test("finds no process that has ended", () => {
  expect(processes.find(7)).toBeUndefined();
});

test("has the start of a process by the time that the host is up", () => {
  host.process({ pid: 7, startTicks: 99_000 });
  const process = processes.find(7);
  // Up for 1000 s, and started after 990 s.
  expect(process && processes.startedAtNs(process)).toBe(1_990_000_000_000n);
});

test.each([
  ["/usr/lib/systemd/systemd", true],
  ["/nix/store/x-systemd-257/lib/systemd/systemd", true],
  ["/lib/systemd/systemd (deleted)", true],
  ["/usr/lib/systemd/systemd-executor", false],
  ["/bin/sh", false],
])("takes %s for systemd: %j", (exe, isSystemd) => {
  host.process({ pid: 7, exe });
  const process = processes.find(7);
  expect(process && processes.isSystemd(process)).toBe(isSystemd);
});
