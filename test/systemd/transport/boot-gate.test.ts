import { expect, test } from "@jest/globals";
import { BootGate } from "../../../src/systemd/transport/boot-gate.ts";
import { systemdSource } from "../../../src/systemd/transport/source.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { turns } from "../../support/turns.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";

const ID = "5b00b8132f119fb6cd9a3d09858691bec88872760684b55894327b81bbcac18b";
const V1 = `12:pids:/docker/${ID}\n9:name=systemd:/docker/${ID}\n0::/docker/${ID}\n`;
const V2 = `0::/system.slice/docker-${ID}.scope\n`;
const ROOT = `/sys/fs/cgroup/system.slice/docker-${ID}.scope`;

/** Cgroups of a container's processes, as the engine shows them. */
const IN_ROOT = V2.trim();
const IN_SCOPE = `${IN_ROOT}/init.scope`;
const IN_SLICE = `${IN_ROOT}/system.slice/systemd-journald.service`;
const V1_IN_SCOPE = `4:cpu,cpuacct:/docker/${ID},1:name=systemd:/docker/${ID}/init.scope,0::/x`;
const V1_IN_SLICE = `4:cpu,cpuacct:/docker/${ID},1:name=systemd:/docker/${ID}/system.slice/a.service`;

interface Opened {
  readonly clock: FakeClock;
  readonly files: Map<string, string>;
  readonly abort: AbortController;
  isOpen: boolean;
  pid: number;
  /** Answer of the engine; undefined if it can't list them. */
  cgroups: readonly string[] | Error | undefined;
  /** How often it was asked. */
  asked: number;
}

/** Opens the gate of a container that started `upMs` ago, on a host with these files. */
function open(upMs: number, files: Readonly<Record<string, string>> = {}, pid = 7): Opened {
  const clock = new FakeClock();
  const abort = new AbortController();
  const opened: Opened = {
    clock,
    files: new Map(Object.entries(files)),
    abort,
    isOpen: false,
    pid,
    cgroups: undefined,
    asked: 0,
  };
  const gate = new BootGate({
    container: ID,
    pid: () => opened.pid,
    startedAtNs: BigInt(clock.nowMs() - upMs) * 1_000_000n,
    clock,
    cgroups: async () => {
      opened.asked += 1;
      if (opened.cgroups instanceof Error) throw opened.cgroups;
      return opened.cgroups;
    },
    read: async (path) => {
      const text = opened.files.get(path);
      if (text === undefined) throw new Error(`ENOENT ${path}`);
      return text;
    },
  });
  const pass = async (): Promise<void> => {
    await gate.passed(abort.signal);
    opened.isOpen = true;
  };
  void pass().catch(() => {});
  return opened;
}

/** Returns after how many milliseconds it is open; undefined if it isn't within `limitMs`. */
async function openAfter(opened: Opened, limitMs: number): Promise<number | undefined> {
  await turns();
  const fromMs = opened.clock.monotonicMs();
  while (!opened.isOpen && opened.clock.monotonicMs() - fromMs < limitMs) {
    await opened.clock.advance(20);
  }
  return opened.isOpen ? opened.clock.monotonicMs() - fromMs : undefined;
}

test.each([
  ["cgroup v1", V1, V1.replace(/$/gm, "/init.scope").replace(/^\/init.scope$/m, "")],
  ["a hybrid with systemd on v2", V1, V1.replace(/\n$/, "/init.scope\n")],
  ["cgroup v2", V2, V2.replace("\n", "/init.scope\n")],
  ["a namespace of unitwatch's own", `0::/../docker-${ID}\n`, `0::/../docker-${ID}/init.scope\n`],
])("waits until PID 1 has left the root cgroup on %s", async (_host, before, after) => {
  const opened = open(10_000, { "/proc/7/cgroup": before });
  expect(await openAfter(opened, 10_000)).toBeUndefined();
  opened.files.set("/proc/7/cgroup", after);
  expect(await openAfter(opened, 1_000)).toBe(20);
  expect(opened.clock.pendingTimers).toBe(0);
});

test("waits for the controllers too, but not for ever", async () => {
  const scope = V2.replace("\n", "/init.scope\n");
  const files = {
    "/proc/7/cgroup": scope,
    [`${ROOT}/cgroup.controllers`]: "cpu memory pids\n",
    [`${ROOT}/cgroup.subtree_control`]: "\n",
  };
  const opened = open(0, files);
  expect(await openAfter(opened, 1_000)).toBeUndefined();
  opened.files.set(`${ROOT}/cgroup.subtree_control`, "memory pids\n");
  expect(await openAfter(opened, 1_000)).toBe(20);

  // systemd makes the slice after that: it needs none.
  const slice = { [`${ROOT}/system.slice/cgroup.controllers`]: "\n" };
  expect(await openAfter(open(0, { ...files, ...slice }), 9)).toBe(0);
  expect(await openAfter(open(0, files), 30_000)).toBe(10_000);
  expect(await openAfter(open(0, { ...files, [`${ROOT}/cgroup.controllers`]: "\n" }), 9)).toBe(0);
});

test("is open at once when the node has booted", async () => {
  expect(await openAfter(open(0, { "/proc/7/cgroup": `0::/${ID}/init.scope\n` }), 1)).toBe(0);
  expect(await openAfter(open(700), 1)).toBe(0);
});

test.each([
  ["is another process here", { "/proc/7/cgroup": "0::/init.scope\n" }, 7],
  ["isn't here", {}, 7],
  ["is unknown", { "/proc/0/cgroup": `0::/${ID}/init.scope\n` }, 0],
])("waits for the time that boots need when its PID 1 %s", async (_why, files, pid) => {
  expect(await openAfter(open(0, files, pid), 10_000)).toBe(700);
  expect(await openAfter(open(300, files, pid), 10_000)).toBe(400);
  // The engine's clock is ahead.
  expect(await openAfter(open(-60_000, files, pid), 10_000)).toBe(700);
});

test.each([
  ["cgroup v2", [IN_ROOT], [IN_ROOT, IN_SCOPE], [IN_SCOPE, IN_SLICE]],
  ["cgroup v1", [V1.trim().replaceAll("\n", ",")], [V1_IN_SCOPE], [V1_IN_SCOPE, V1_IN_SLICE]],
])("waits for the first service that the engine shows on %s", async (_host, ...phases) => {
  const [booting, left, done] = phases;
  const opened = open(0, {}, 0);
  opened.cgroups = booting;
  expect(await openAfter(opened, 10_000)).toBeUndefined();
  // At 0, 100, 300, 700, 1,500 and 3,100 ms, and every 1,600 ms after that: each leaves an event.
  expect(opened.asked).toBe(10);
  opened.cgroups = left;
  expect(await openAfter(opened, 5_000)).toBeUndefined();
  opened.cgroups = done;
  expect(await openAfter(opened, 1_600)).toBeDefined();
  expect(opened.clock.pendingTimers).toBe(0);
});

test("asks the engine where this machine has no view of the controllers", async () => {
  const opened = open(0, { "/proc/7/cgroup": `${IN_SCOPE}\n` });
  opened.cgroups = [IN_SCOPE];
  await turns();
  opened.cgroups = [IN_SCOPE, IN_SLICE];
  expect(await openAfter(opened, 1_000)).toBe(100);
});

test("doesn't ask the engine about a container that has run for a minute", async () => {
  const opened = open(60_001, {}, 0);
  opened.cgroups = [IN_ROOT];
  expect(await openAfter(opened, 1)).toBe(0);
  expect(opened.asked).toBe(0);
});

test.each([
  ["can't list cgroups", undefined],
  ["fails", new Error("500")],
  ["shows other containers alone", ["0::/system.slice/docker-other.scope/init.scope"]],
])("waits for the time that boots need when the engine %s", async (_what, cgroups) => {
  const opened = open(0, {}, 0);
  opened.cgroups = cgroups;
  expect(await openAfter(opened, 10_000)).toBe(700);
});

test("watches PID 1 from when it is known", async () => {
  const opened = open(0, { "/proc/7/cgroup": V2 }, 0);
  expect(await openAfter(opened, 500)).toBeUndefined();
  opened.pid = 7;
  expect(await openAfter(opened, 5_000)).toBeUndefined();
  opened.files.set("/proc/7/cgroup", V2.replace("\n", "/init.scope\n"));
  expect(await openAfter(opened, 1_000)).toBe(20);
});

test("is open after 30 s when PID 1 never leaves the root cgroup", async () => {
  expect(await openAfter(open(0, { "/proc/7/cgroup": V2 }), 60_000)).toBe(30_000);
});

test.each(["auto", "dbus", "busctl"] as const)(
  "runs nothing in a container that boots, with --systemd.transport=%s",
  async (transport) => {
    const runtime = new FakeRuntime();
    const clock = new FakeClock();
    const source = systemdSource(transport, {
      runtime,
      container: ID,
      clock,
      pid: () => 0,
      startedAtNs: clock.nowNs(),
      // Nothing waits for its pid.
      hasBooted: () => true,
    });
    const abort = new AbortController();
    const done = source?.run(new RecordedSink().take, { signal: abort.signal });
    await clock.advance(699);
    expect(runtime.commands).toEqual([]);
    await clock.advance(1);
    expect(runtime.commands).toHaveLength(1);
    abort.abort();
    await clock.advance(2_000);
    await done;
  },
);

test("ends at an abort", async () => {
  const runtime = new FakeRuntime();
  const clock = new FakeClock();
  const options = { runtime, container: ID, clock, pid: () => 0, startedAtNs: clock.nowNs() };
  const abort = new AbortController();
  const done = systemdSource("auto", options)?.run(new RecordedSink().take, abort);
  await clock.advance(100);
  abort.abort();
  expect(await done).toBeUndefined();
  expect(runtime.commands).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});
