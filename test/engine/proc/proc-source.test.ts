import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { EngineEvent } from "../../../src/domain/engine-event.ts";
import type { ContainerRegistry } from "../../../src/domain/host-container.ts";
import { HostProcesses } from "../../../src/engine/proc/host-process.ts";
import { Names } from "../../../src/engine/proc/names.ts";
import { containerFilter } from "../../../src/engine/proc/open-proc.ts";
import { ProcSource } from "../../../src/engine/proc/proc-source.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeHost } from "../../support/fake-host.ts";
import { recordedLog } from "../../support/recorded-log.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const PATH = `/docker/${A}`;
const KEEP_MS = 1_000;

let host: FakeHost;
let stack: AsyncDisposableStack;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  host = stack.use(new FakeHost());
});
afterEach(() => stack.disposeAsync());

/** Begins to watch; the first listing is through when it resolves. */
async function watched(
  options: {
    registries?: readonly ContainerRegistry[];
    filters?: readonly string[];
    processes?: Partial<HostProcesses>;
  } = {},
) {
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const events: EngineEvent[] = [];
  let dropped = 0;
  const source = new ProcSource({
    clock,
    log,
    containerOf: (path) => {
      const id = /^\/(?:docker|system\.slice)\/([ab]{64})$/.exec(path)?.[1];
      return id === undefined ? undefined : { runtime: "docker", id, path };
    },
    registries: options.registries ?? [],
    names: new Names(undefined),
    concerns: containerFilter(options.filters ?? []),
    keepMs: KEEP_MS,
    dropped: (count) => (dropped += count),
    hierarchy: () => host.hierarchy,
    processes: Object.assign(new HostProcesses(() => clock.nowNs(), host.proc), options.processes),
  });
  const end = new AbortController();
  const sink = { event: (event: EngineEvent) => void events.push(event), parseError: () => {} };
  const running = source.events(sink, { signal: end.signal });
  stack.defer(async () => {
    end.abort();
    await running;
  });
  const list = () => source.list(end.signal);
  const ids = await list();
  return {
    clock,
    ids,
    list,
    source,
    lines,
    dropped: () => dropped,
    actions: () => events.map(({ action }) => action),
    names: () => events.map(({ attributes }) => attributes.get("name")),
    details: async (id = A) => (await source.inspect([id])).details[0],
  };
}

test("lists what runs, without an event, when the watch begins", async () => {
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { ids, actions, details } = await watched();
  expect(ids).toEqual([A]);
  expect(actions()).toEqual([]);
  expect(await details()).toMatchObject({
    identity: {
      id: A,
      name: A.slice(0, 12),
      runtime: "docker",
      unknown: ["exit-code", "oom", "restarts"],
    },
    status: "running",
    runsSystemd: true,
    pid: 10,
    process: "10 100 boot",
    exitCode: undefined,
  });
});

test("emits start and die when a cgroup is filled and emptied, and forget later", async () => {
  const { actions, clock, details, list } = await watched();
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["start"]));
  host.endProcess(10);
  host.cgroup(PATH, { pids: [], events: "populated 0\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["start", "die"]));
  expect(await details()).toMatchObject({ status: "exited", pid: 0, exitCode: undefined });
  expect(await list()).toEqual([A]);
  await clock.advance(KEEP_MS);
  expect(actions()).toEqual(["start", "die", "forget"]);
  expect(await list()).toEqual([]);
});

test("emits die and start when another process is PID 1", async () => {
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { actions, details } = await watched();
  host.process({ pid: 10, startTicks: 200 });
  host.cgroup(PATH, { events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["die", "start"]));
  expect(await details()).toMatchObject({ process: "10 200 boot" });
});

test("counts a cgroup that is made again as a new run of the container", async () => {
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { actions } = await watched();
  host.endProcess(10);
  host.removeCgroup(PATH);
  host.process({ pid: 11, startTicks: 300 });
  host.cgroup(PATH, { pids: [11], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["die", "start"]));
});

test("emits pause, unpause and each OOM kill", async () => {
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n", memory: "oom_kill 7\n" });
  const { actions, details } = await watched();
  host.cgroup(PATH, { events: "populated 1\nfrozen 1\n" });
  await eventually(() => expect(actions()).toEqual(["pause"]));
  expect(await details()).toMatchObject({ status: "paused" });
  host.cgroup(PATH, { events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["pause", "unpause"]));
  host.cgroup(PATH, { memory: "oom 9\noom_kill 9\n" });
  await eventually(() => expect(actions()).toEqual(["pause", "unpause", "oom", "oom"]));
  expect((await details())?.identity.unknown).not.toContain("oom");
});

test("sees systemd when PID 1 executes it after the start", async () => {
  const { actions, details } = await watched();
  host.process({ pid: 10, comm: "sh", exe: "/bin/dash" });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["start"]));
  expect(await details()).toMatchObject({ runsSystemd: false });
  host.process({ pid: 10 });
  host.cgroup(`${PATH}/init.scope`);
  await eventually(() => expect(actions()).toEqual(["start", "update"]));
  expect(await details()).toMatchObject({ runsSystemd: true });
});

test.each([
  { comm: "runc:[2:INIT]", exe: "/usr/bin/runc" },
  // A copy of itself in memory.
  { comm: "6", exe: "/memfd:runc_cloned:/proc/self/exe (deleted)" },
  { comm: "6", exe: "/memfd:runc_cloned:/proc/self/exe (deleted)", pids: [10] },
  { comm: "exe", exe: "/usr/sbin/runc (deleted)" },
])("waits for the container's own program while the runtime runs as %j", async (runtime) => {
  const { actions, clock } = await watched();
  host.process({ pid: 10, ...runtime });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(clock.pendingTimers).toBe(1));
  expect(actions()).toEqual([]);
  host.process({ pid: 10 });
  await eventually(async () => {
    await clock.advance(clock.nextTimerMs ?? 0);
    expect(actions()).toEqual(["start"]);
  });
});

test("says so when it may not see what a container runs", async () => {
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { ids, lines } = await watched({ processes: { isReadable: () => false } });
  expect(ids).toEqual([A]);
  expect(lines).toContain(
    `level=warn msg="systemd not sought, PID 1 not readable" container=${A.slice(0, 12)}`,
  );
});

test("leaves no timer behind when nothing happens", async () => {
  host.process({ pid: 10, comm: "sleep", exe: "/bin/sleep" });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  host.cgroup("/system.slice/dbus.service", { pids: [1] });
  const { clock } = await watched();
  expect(clock.pendingTimers).toBe(0);
});

test("keeps the id of a container that renames its own cgroup", async () => {
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { list, lines, actions } = await watched();
  host.renameCgroup(PATH, `/docker/${B}`);
  await eventually(() =>
    expect(lines.join("\n")).toContain("cgroup of a container renamed, new name ignored"),
  );
  expect(await list()).toEqual([A]);
  expect(actions()).toEqual([]);
});

test("gives an id to the container whose parent names it when two cgroups have it", async () => {
  host.process({ pid: 5, pids: [5], comm: "containerd-shim", args: ["shim", "-id", A] });
  host.process({ pid: 10, parent: 5 });
  host.process({ pid: 66 });
  host.cgroup(PATH, { pids: [66], events: "populated 1\nfrozen 0\n" });
  const { actions, details, dropped, lines } = await watched();
  expect(await details()).toMatchObject({ pid: 66 });
  host.cgroup(`/system.slice/${A}`, { pids: [10], events: "populated 1\nfrozen 0\n" });
  await eventually(async () => expect(await details()).toMatchObject({ pid: 10 }));
  const before = actions();
  host.removeCgroup(PATH);
  host.cgroup(PATH, { pids: [66], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(lines.join("\n")).toContain("has the id of another container"));
  expect(dropped()).toBeGreaterThan(0);
  expect(await details()).toMatchObject({ pid: 10 });
  expect(actions()).toEqual(before);
});

test("prefers the process whose parent names the container when another joins its cgroup", async () => {
  host.process({ pid: 5, pids: [5], comm: "containerd-shim", args: ["shim", "-id", A] });
  host.process({ pid: 9 });
  host.process({ pid: 10, parent: 5 });
  host.cgroup(PATH, { pids: [9, 10], events: "populated 1\nfrozen 0\n" });
  const { details } = await watched();
  expect(await details()).toMatchObject({ pid: 10 });
});

test("takes PID 1 of the outermost pid namespace when a container has others in it", async () => {
  host.process({ pid: 9, pids: [9, 5, 1], comm: "sleep", exe: "/bin/sleep" });
  host.process({ pid: 10, pids: [10, 1] });
  host.cgroup(PATH, { pids: [9, 10], events: "populated 1\nfrozen 0\n" });
  const { details } = await watched();
  expect(await details()).toMatchObject({ pid: 10, runsSystemd: true });
});

test("takes nothing that PID 1 leaves behind for another run", async () => {
  host.process({ pid: 9, pids: [9], exe: "/usr/bin/systemd-nspawn", comm: "systemd-nspawn" });
  host.process({ pid: 10 });
  host.process({ pid: 11, pids: [11, 2], comm: "sleep", exe: "/bin/sleep" });
  host.cgroup(PATH, { pids: [9, 10, 11], events: "populated 1\nfrozen 0\n" });
  const { actions, clock } = await watched();
  host.endProcess(10);
  host.cgroup(PATH, { pids: [9, 11], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["die"]));
  host.endProcess(11);
  host.cgroup(PATH, { pids: [9], events: "populated 1\nfrozen 0\n" });
  for (let waitMs = 5; waitMs < 100_000; waitMs *= 2) await clock.advance(waitMs);
  expect(actions()).toEqual(["die", "forget"]);
  host.process({ pid: 12, startTicks: 300 });
  host.cgroup(PATH, { pids: [9, 12], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["die", "forget", "start"]));
});

test("takes the oldest process of a container without a pid namespace of its own", async () => {
  host.process({ pid: 10, pids: [10, 7], exe: "/bin/app", comm: "app" });
  host.process({ pid: 11, pids: [11, 8], startTicks: 200, exe: "/bin/app", comm: "app" });
  host.cgroup(PATH, { pids: [11, 10], events: "populated 1\nfrozen 0\n" });
  const { actions, details } = await watched();
  expect(await details()).toMatchObject({ pid: 10 });
  host.endProcess(10);
  host.endProcess(11);
  host.process({ pid: 12, pids: [12, 9], startTicks: 300, exe: "/bin/app", comm: "app" });
  host.cgroup(PATH, { pids: [12], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["die", "start"]));
});

test("looks at nothing that a container makes below its own cgroup", async () => {
  host.process({ pid: 10 });
  host.process({ pid: 20 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  host.cgroup(`${PATH}/docker/${B}`, { pids: [20] });
  const { ids } = await watched();
  expect(ids).toEqual([A]);
});

test("names a container by the first registry that knows it, and renames it later", async () => {
  let name = "web";
  let changed: (id: string) => void = () => {};
  const registry: ContainerRegistry = {
    name: "test",
    concerns: () => true,
    describe: async () => ({ name, image: "debian", labels: new Map([["sind.cluster", "dev"]]) }),
    end: async () => ({ exitCode: 3, finishedAtNs: 5n, isOutOfMemory: false }),
    run: async (notify) => void (changed = notify),
  };
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { actions, names, details } = await watched({
    registries: [registry],
    filters: ["label=sind.cluster=dev"],
  });
  expect((await details())?.identity).toMatchObject({ name: "web", cluster: "dev" });
  expect((await details())?.identity.unknown).not.toContain("exit-code");
  name = "other";
  changed(A);
  await eventually(() => expect(actions()).toEqual(["rename"]));
  host.endProcess(10);
  host.removeCgroup(PATH);
  await eventually(() => expect(actions()).toEqual(["rename", "die"]));
  expect(names()).toEqual(["other", "other"]);
  expect(await details()).toMatchObject({ exitCode: 3, finishedAtNs: 5n });
});

test("gives a name that is taken to no second container", async () => {
  const registry: ContainerRegistry = {
    name: "test",
    concerns: () => true,
    describe: async () => ({ name: "web", image: "", labels: new Map() }),
  };
  host.process({ pid: 10 });
  host.process({ pid: 11 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { details, actions } = await watched({ registries: [registry] });
  host.cgroup(`/docker/${B}`, { pids: [11], events: "populated 1\nfrozen 0\n" });
  await eventually(() => expect(actions()).toEqual(["start"]));
  expect((await details(A))?.identity.name).toBe("web");
  expect((await details(B))?.identity.name).toBe(`web-${B.slice(0, 12)}`);
});

test("leaves out what the filters leave out", async () => {
  host.process({ pid: 10 });
  host.cgroup(PATH, { pids: [10], events: "populated 1\nfrozen 0\n" });
  const { ids } = await watched({ filters: ["label=sind.cluster=dev"] });
  expect(ids).toEqual([]);
});
