import { expect, test } from "@jest/globals";
import { HostCgroups } from "../../../src/engine/usage/host-cgroups.ts";
import { ContainerUsages } from "../../../src/engine/usage/container-usages.ts";
import { type CgroupTree, cgroupTree } from "../../support/cgroup-tree.ts";
import { containerDetails, idOf, identityOf } from "../../support/engine-facts.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedFleet, type RecordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { turns } from "../../support/turns.ts";

interface Rig extends RecordedFleet {
  readonly usages: ContainerUsages;
  readonly clock: FakeClock;
  readonly lines: readonly string[];
  readonly tree: CgroupTree;
  /** Containers that the engine was queried about, in order. */
  readonly asked: string[];
  /** Starts a container; its threads by the engine are the number of queries so far. */
  readonly run: (name: string, pid?: number) => void;
  readonly threads: (name: string) => number | undefined;
}

interface Options {
  readonly runtime?: "cli";
  /** Answers of the engine. Default: at once. */
  readonly stats?: (id: string, signal: AbortSignal) => Promise<unknown>;
}

async function rig({ runtime, stats }: Options = {}): Promise<Rig> {
  const fleet = recordedFleet();
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const tree = await cgroupTree(["/", "cg", "cgroup2"]);
  const asked: string[] = [];
  const answer = (id: string, signal: AbortSignal): Promise<unknown> => {
    asked.push(fleet.fleet.get(id)?.identity.name ?? id);
    return stats?.(id, signal) ?? Promise.resolve({ pids_stats: { current: asked.length } });
  };
  let startedAtNs = 0n;
  return {
    ...fleet,
    usages: new ContainerUsages({
      fleet: fleet.fleet,
      runtime: runtime === "cli" ? {} : { stats: answer },
      files: new HostCgroups(tree.proc),
      clock,
      log,
    }),
    clock,
    lines,
    tree,
    asked,
    run(name, pid = 1) {
      startedAtNs += 1_000_000_000n;
      const identity = identityOf(name);
      fleet.fleet.details(containerDetails(name, { identity, pid, startedAtNs }), true);
    },
    threads: (name) => fleet.record(name).usage?.threads,
  };
}

test("queries a container once in 5 s, however many clients there are", async () => {
  const { usages, clock, run, asked, threads } = await rig();
  run("web");
  await Promise.all(Array.from({ length: 10 }, () => usages.refresh()));
  expect([asked.length, threads("web")]).toEqual([1, 1]);
  await clock.advance(4_999);
  await usages.refresh();
  expect(asked.length).toBe(1);
  await clock.advance(1);
  await usages.refresh();
  expect([asked.length, threads("web")]).toEqual([2, 2]);
});

test("reads the cgroup where this host has it, and queries the engine for no such container", async () => {
  const { usages, run, tree, asked, record } = await rig();
  run("here", 7);
  run("elsewhere", 8);
  await tree.process(7, `0::/docker/${idOf("here")}/init.scope`);
  await tree.process(8, "0::/docker/some-other-process-of-this-host");
  await tree.write(`cg/docker/${idOf("here")}/pids.current`, "42\n");
  await usages.refresh();
  expect(asked).toEqual(["elsewhere"]);
  expect(record("here").usage).toMatchObject({ threads: 42, memory: undefined });
  expect(record("elsewhere").usage).toMatchObject({ threads: 1 });
});

test("queries the engine neither before a container's pid is known nor after its cgroup is gone", async () => {
  const { usages, clock, run, tree, asked, record } = await rig();
  run("new", 0);
  run("ending", 7);
  await tree.process(7, `0::/docker/${idOf("ending")}`);
  await tree.write(`cg/docker/${idOf("ending")}/pids.current`, "1\n");
  await usages.refresh();
  expect(record("ending").usage?.threads).toBe(1);
  await tree.process(7, "0::/");
  await clock.advance(5_000);
  await usages.refresh();
  expect([record("new").usage, record("ending").usage]).toEqual([undefined, undefined]);
  expect(asked).toEqual([]);
});

test("shows all others within 1 s when one container doesn't answer", async () => {
  const silent = Promise.withResolvers<unknown>();
  const { usages, clock, run, threads, asked } = await rig({
    stats: (id) =>
      id === idOf("silent") ? silent.promise : Promise.resolve({ pids_stats: { current: 3 } }),
  });
  for (const name of ["silent", "web-1", "web-2"]) run(name);
  let isDone = false;
  const refreshed = usages.refresh().then(() => (isDone = true));
  await eventually(() => asked.length === 3);
  await clock.advance(999);
  await turns();
  expect(isDone).toBe(false);
  await clock.advance(1);
  await refreshed;
  expect(["silent", "web-1", "web-2"].map(threads)).toEqual([undefined, 3, 3]);
  // It isn't waited for, nor queried, again; what it answers is shown then.
  await clock.advance(5_000);
  await usages.refresh();
  silent.resolve({ pids_stats: { current: 9 } });
  await turns();
  await usages.refresh();
  expect(threads("silent")).toBe(9);
});

test("has no series of a container that doesn't run, and begins again with the next run", async () => {
  const { usages, clock, run, happens, record, asked } = await rig();
  run("web");
  await usages.refresh();
  const first = record("web").usage?.counting;
  expect(first?.sinceNs).toBe(1_000_000_000n);
  await clock.advance(5_000);
  happens("pause", "web");
  await usages.refresh();
  expect(record("web").usage).toBeDefined();
  fleetStops(record("web"));
  await usages.refresh();
  expect(record("web").usage).toBeUndefined();
  expect(asked.length).toBe(2);
  run("web");
  await usages.refresh();
  expect(record("web").usage?.threads).toBe(3);
  expect(record("web").usage?.counting).not.toBe(first);
});

function fleetStops(record: { status: string }): void {
  record.status = "exited";
}

test("logs a failure and shows the container again when it answers", async () => {
  let fault: Error | undefined = new Error("the engine answered 500");
  const { usages, clock, run, threads, lines } = await rig({
    stats: () =>
      fault === undefined ? Promise.resolve({ pids_stats: { current: 3 } }) : Promise.reject(fault),
  });
  run("web");
  await usages.refresh();
  expect(threads("web")).toBeUndefined();
  expect(lines).toEqual([
    'level=warn msg="container usage unavailable" container=web err="the engine answered 500"',
  ]);
  fault = undefined;
  await clock.advance(5_000);
  await usages.refresh();
  expect(threads("web")).toBe(3);
});

test("logs once why nothing is shown when there is only the docker command", async () => {
  const { usages, clock, run, lines, record } = await rig({ runtime: "cli" });
  run("web-1");
  run("web-2");
  await usages.refresh();
  await clock.advance(60_000);
  await usages.refresh();
  expect(record("web-1").usage).toBeUndefined();
  expect(lines).toEqual([
    'level=warn msg="container usage unavailable" container=web-1 reason="its cgroup isn\'t visible here, and there is no API of an engine"',
  ]);
});
