import { expect, test } from "@jest/globals";
import type { Event, NodeTarget } from "../../src/domain/event.ts";
import type { Process } from "../../src/domain/process.ts";
import { dockerEventsArgs } from "../../src/library/docker-monitor.ts";
import { systemdMonitorArgs } from "../../src/library/systemd-monitor.ts";
import { Subscription } from "../../src/state/subscription.ts";
import { Watcher } from "../../src/library/watcher.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeExecutor, FakeProcess } from "../support/fake-process.ts";

const STARTED =
  '{"Type":"container","Action":"start","Actor":{"Attributes":{"name":"sind-dev-controller"}},"time":1}';
const ACTIVE =
  '{"type":"signal","timestamp-realtime":1000000,"path":"/org/freedesktop/systemd1/unit/munge_2eservice",' +
  '"interface":"org.freedesktop.DBus.Properties","member":"PropertiesChanged","payload":{"type":"sa{sv}as",' +
  '"data":["org.freedesktop.systemd1.Unit",{"ActiveState":{"type":"s","data":"active"}},["Conditions"]]}}';

const node = (shortName: string): NodeTarget => ({ shortName, container: `sind-dev-${shortName}` });

function watch(executor: FakeExecutor = new FakeExecutor()) {
  const controller = new AbortController();
  const clock = new FakeClock();
  const watcher = new Watcher(executor, "sind-dev-", "dev", { clock });
  return {
    clock,
    executor,
    watcher,
    signal: controller.signal,
    abort: () => controller.abort(),
    /** Waits for the end, with processes that don't answer being killed. */
    ended: async (): Promise<void> => {
      const wait = watcher.wait();
      await clock.advance(1_000);
      await wait;
    },
  };
}

async function next(subscription: Subscription): Promise<Event> {
  const result = await subscription.next();
  if (result.done === true) throw new Error("the subscription has ended");
  return result.value;
}

test("starts docker events first, then a monitor for each node in order", async () => {
  const { watcher, executor, signal } = watch();
  await watcher.start([node("controller"), node("worker-0")], { signal });
  expect(executor.calls).toEqual([
    ["docker", ...dockerEventsArgs("dev")],
    ["docker", ...systemdMonitorArgs("sind-dev-controller")],
    ["docker", ...systemdMonitorArgs("sind-dev-worker-0")],
  ]);
});

test("gives every subscriber a copy of every event", async () => {
  const { watcher, executor } = watch();
  const subscriptions = [watcher.subscribe(), watcher.subscribe()] as const;
  await watcher.start([node("controller")]);
  executor.process(0).say(STARTED);
  const events = await Promise.all(subscriptions.map(next));
  executor.process(1).say(ACTIVE);
  const units = await Promise.all(subscriptions.map(next));
  expect(events.map(({ kind }) => kind)).toEqual(["container.start", "container.start"]);
  expect(units.map(({ unit }) => unit)).toEqual(["munge.service", "munge.service"]);
  expect(events[0]).toStrictEqual({
    kind: "container.start",
    node: "controller",
    container: "sind-dev-controller",
    unit: "",
    timeNs: 1_000_000_000n,
    detail: "",
  });
  expect(events[1]).toStrictEqual(events[0]);
  expect(events[1]).not.toBe(events[0]);
});

test("adds nodes while it runs", async () => {
  const { watcher, executor } = watch();
  const subscription = watcher.subscribe();
  await watcher.start([]);
  await watcher.addNodes([node("controller")]);
  executor.process(1).say(ACTIVE);
  expect(await next(subscription)).toMatchObject({ kind: "unit.active", node: "controller" });
});

test("starts nodes after docker events when they are added during the start", async () => {
  const dockerEvents = Promise.withResolvers<Process>();
  const { watcher, executor } = watch(
    new FakeExecutor((call) => (call === 0 ? dockerEvents.promise : new FakeProcess())),
  );
  const starting = watcher.start([node("a")]);
  const adding = watcher.addNodes([node("b")]);
  expect(executor.calls).toHaveLength(1);
  dockerEvents.resolve(new FakeProcess());
  await Promise.all([starting, adding]);
  const containers = executor.calls.slice(1).map(([, , container]) => container);
  expect(new Set(containers)).toEqual(new Set(["sind-dev-a", "sind-dev-b"]));
  expect(containers).toHaveLength(2);
});

test("rejects nodes before the start, and ignores them after the end", async () => {
  const { watcher, executor, signal, abort, ended } = watch();
  await expect(watcher.addNodes([node("a")])).rejects.toThrow("isn't started");
  await watcher.start([], { signal });
  abort();
  await watcher.addNodes([node("a")]);
  await ended();
  await watcher.addNodes([node("a")]);
  expect(executor.calls).toHaveLength(1);
});

test("emits nothing to a subscriber that has unsubscribed", async () => {
  const { watcher, executor } = watch();
  const left = watcher.subscribe();
  const disposed = watcher.subscribe();
  const stays = watcher.subscribe();
  await watcher.start([]);
  watcher.unsubscribe(left);
  disposed[Symbol.dispose]();
  executor.process(0).say(STARTED);
  expect(await next(stays)).toMatchObject({ kind: "container.start" });
  expect(await left.next()).toEqual({ done: true, value: undefined });
  expect(await disposed.next()).toEqual({ done: true, value: undefined });
});

test("ignores an unknown subscription in unsubscribe", () => {
  const { watcher } = watch();
  const other = new Subscription();
  watcher.unsubscribe(other);
  watcher.unsubscribe(watch().watcher.subscribe());
  other.push({} as Event);
  expect(other.dropped).toBe(0);
});

test("drops the oldest events of a stalled subscriber, and slows no other", async () => {
  const { watcher, executor } = watch();
  const slow = watcher.subscribe();
  const fast = watcher.subscribe();
  await watcher.start([]);
  const die = (n: number): string =>
    `{"Action":"die","Actor":{"Attributes":{"name":"sind-dev-a","exitCode":"${n}"}},"time":1}`;
  for (let n = 0; n < 2000; n++) {
    executor.process(0).say(die(n));
    expect((await next(fast)).detail).toBe(`exitCode=${n}`);
  }
  expect(fast.dropped).toBe(0);
  expect(slow.dropped).toBe(2000 - 1024);
  expect((await next(slow)).detail).toBe(`exitCode=${2000 - 1024}`);
});

test("rejects the start when docker events can't be started, and starts nothing else", async () => {
  const failure = new Error("docker not available");
  const { watcher, executor } = watch(
    new FakeExecutor((call) => {
      if (call === 0) throw failure;
      return new FakeProcess();
    }),
  );
  await expect(watcher.start([node("a")])).rejects.toBe(failure);
  expect(executor.calls).toHaveLength(1);

  const kept = watcher.subscribe();
  await watcher.start([node("a")]);
  expect(executor.calls).toHaveLength(3);
  watcher.unsubscribe(kept);
});

test("resolves wait and ends the subscriptions after a failed start", async () => {
  const { watcher } = watch(new FakeExecutor(() => Promise.reject(new Error("no docker"))));
  const subscription = watcher.subscribe();
  await expect(watcher.start([])).rejects.toThrow("no docker");
  await watcher.wait();
  expect(await subscription.next()).toEqual({ done: true, value: undefined });
});

test("rejects a second start", async () => {
  const { watcher, signal, abort, ended } = watch();
  await watcher.start([], { signal });
  await expect(watcher.start([])).rejects.toThrow("started before");
  abort();
  await ended();
  await expect(watcher.start([])).rejects.toThrow("started before");
});

test("emits an event when a node's monitor can't be started, and runs the others", async () => {
  const failure = new Error("busctl not available");
  const processes = [new FakeProcess(), new FakeProcess(), new FakeProcess()] as const;
  const { watcher, clock } = watch(
    new FakeExecutor((call) => (call === 1 ? Promise.reject(failure) : processes[call as 0])),
  );
  const subscription = watcher.subscribe();
  await watcher.start([node("controller"), node("worker-0")]);
  expect(await next(subscription)).toStrictEqual({
    kind: "monitor.error",
    node: "controller",
    container: "sind-dev-controller",
    unit: "",
    timeNs: clock.nowNs(),
    detail: "systemd monitor can't be started: busctl not available",
    error: failure,
  });
  processes[2].say(ACTIVE);
  expect(await next(subscription)).toMatchObject({ kind: "unit.active", node: "worker-0" });
});

test("emits an event with the cause when a stream fails, and kills the process", async () => {
  const { watcher, executor, clock } = watch();
  const subscription = watcher.subscribe();
  await watcher.start([node("controller")]);
  const reset = new Error("connection reset");
  executor.process(0).stdout.destroy(reset);
  expect(await next(subscription)).toStrictEqual({
    kind: "monitor.error",
    node: "",
    container: "",
    unit: "",
    timeNs: clock.nowNs(),
    detail: "docker events stream failed: connection reset",
    error: reset,
  });
  executor.process(1).stdout.destroy(new Error("container stopped"));
  expect(await next(subscription)).toMatchObject({
    kind: "monitor.error",
    node: "controller",
    container: "sind-dev-controller",
    detail: "systemd monitor stream failed: container stopped",
  });
  expect(executor.processes.map(({ kills }) => kills)).toEqual([1, 1]);
});

test("emits an event with the last stderr when a stream ends", async () => {
  const { watcher, executor, clock } = watch();
  const subscription = watcher.subscribe();
  await watcher.start([node("controller"), node("worker-0"), node("worker-1")]);
  const [docker, controller, worker, silent] = executor.processes;
  const stderr = "warning\nError: No such container: \u001b[31mx\n";
  controller?.stdout.end();
  controller?.exit({ exitCode: 1, signal: undefined, stderr });
  expect(await next(subscription)).toStrictEqual({
    kind: "monitor.lost",
    node: "controller",
    container: "sind-dev-controller",
    unit: "",
    timeNs: clock.nowNs(),
    detail: 'systemd monitor stream ended: exit code 1, "Error: No such container: \\u001b[31mx"',
  });

  worker?.stdout.end(ACTIVE);
  worker?.failExit(new Error("unknown exit"));
  expect(await next(subscription)).toMatchObject({ kind: "unit.active" });
  expect(await next(subscription)).toMatchObject({
    kind: "monitor.lost",
    node: "worker-0",
    detail: "systemd monitor stream ended",
  });

  docker?.stdout.end();
  docker?.exit({ exitCode: undefined, signal: "SIGTERM", stderr: "x".repeat(4096) });
  expect(await next(subscription)).toMatchObject({
    kind: "monitor.lost",
    node: "",
    detail: `docker events stream ended: SIGTERM, "${"x".repeat(200)}…"`,
  });

  silent?.stdout.end();
  const lost = next(subscription);
  await clock.advance(250);
  expect(await lost).toMatchObject({ node: "worker-1", detail: "systemd monitor stream ended" });
});

test("ends when all streams have ended", async () => {
  const { watcher, executor } = watch();
  const subscription = watcher.subscribe();
  await watcher.start([node("controller")]);
  for (const process of executor.processes) {
    process.exit();
    process.stdout.end();
  }
  await watcher.wait();
  const kinds = (await Array.fromAsync(subscription)).map(({ kind }) => kind);
  expect(kinds).toEqual(["monitor.lost", "monitor.lost"]);
  expect(await watcher.subscribe().next()).toEqual({ done: true, value: undefined });
});

test("kills every process when aborted, and ends subscriptions after their queued events", async () => {
  const { watcher, executor, signal, abort, ended } = watch();
  const subscription = watcher.subscribe();
  const holder = watcher.subscribe();
  await watcher.start([node("controller")], { signal });
  executor.process(0).say(STARTED);
  await next(subscription);
  const waiting = subscription.next();
  abort();
  executor.process(0).say(STARTED);
  executor.process(1).stdout.destroy(new Error("killed"));
  await ended();
  expect(executor.processes.map(({ kills }) => kills)).toEqual([1, 1]);
  expect(await waiting).toEqual({ done: true, value: undefined });
  const held = await Array.fromAsync(holder);
  expect(held.map(({ kind }) => kind)).toEqual(["container.start"]);
});

test("waits for killed processes for a limited time", async () => {
  const { watcher, executor, clock, signal, abort } = watch();
  await watcher.start([], { signal });
  let isOver = false;
  const wait = (async () => {
    await watcher.wait();
    isOver = true;
  })();
  abort();
  await clock.advance(249);
  expect([executor.process(0).kills, isOver]).toEqual([1, false]);
  await clock.advance(1);
  await wait;

  const other = watch();
  await other.watcher.start([], { signal: other.signal });
  other.abort();
  other.executor.process(0).exit();
  await other.watcher.wait();
  expect(other.clock.pendingTimers).toBe(0);
});

test("starts nothing when the signal has already aborted", async () => {
  const { watcher, executor } = watch();
  const subscription = watcher.subscribe();
  await watcher.start([node("controller")], { signal: AbortSignal.abort() });
  await watcher.wait();
  expect(executor.calls).toEqual([]);
  expect(await subscription.next()).toEqual({ done: true, value: undefined });
});

test("resolves the start when aborted meanwhile, and kills the process once it has started", async () => {
  const late = Promise.withResolvers<Process>();
  const { watcher, executor, signal, abort } = watch(new FakeExecutor(() => late.promise));
  const starting = watcher.start([node("controller")], { signal });
  abort();
  await starting;
  await watcher.wait();
  const process = new FakeProcess();
  late.resolve(process);
  await process.killed;
  expect(executor.calls).toHaveLength(1);
});

test("resolves the start when aborted while it fails", async () => {
  const late = Promise.withResolvers<Process>();
  const { watcher, signal, abort } = watch(new FakeExecutor(() => late.promise));
  const starting = watcher.start([], { signal });
  abort();
  late.reject(new Error("killed"));
  await expect(starting).resolves.toBeUndefined();
  await expect(watcher.wait()).resolves.toBeUndefined();
});

test("ignores a process that can't be killed", async () => {
  const stubborn: Process = Object.assign(new FakeProcess(), {
    kill: () => Promise.reject(new Error("EPERM")),
  });
  const { watcher, signal, abort, ended } = watch(new FakeExecutor(() => stubborn));
  await watcher.start([], { signal });
  abort();
  await expect(ended()).resolves.toBeUndefined();
});

test("resolves wait before the start", async () => {
  const { watcher, executor } = watch();
  const subscription = watcher.subscribe();
  await watcher.wait();
  await watcher.start([]);
  executor.process(0).say(STARTED);
  expect(await next(subscription)).toMatchObject({ kind: "container.start" });
});
