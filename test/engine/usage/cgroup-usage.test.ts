import { expect, test } from "@jest/globals";
import { cgroupUsage, oomKillsIn } from "../../../src/engine/usage/cgroup-usage.ts";
import { type CgroupTree, cgroupTree } from "../../support/cgroup-tree.ts";

async function write(tree: CgroupTree, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) await tree.write(path, text);
}

test("reads the files of cgroup v2", async () => {
  const tree = await cgroupTree();
  await write(tree, {
    "cg/memory.current": "5242880\n",
    "cg/memory.max": "10485760\n",
    "cg/memory.stat": "anon 4096\ninactive_anon 9\ninactive_file 1048576\n",
    "cg/cpu.stat": "usage_usec 1234567\nuser_usec 1000000\n",
    "cg/pids.current": "12\n",
    "cg/pids.max": "4915\n",
  });
  expect(await cgroupUsage({ unified: tree.at("cg"), byController: new Map() })).toEqual({
    memory: 5_242_880,
    workingSet: 4_194_304,
    memoryLimit: 10_485_760,
    cpuSeconds: 1.234567,
    threads: 12,
    threadsMax: 4915,
  });
});

test("reads the files of cgroup v1", async () => {
  const tree = await cgroupTree();
  await write(tree, {
    "memory/memory.usage_in_bytes": "4096\n",
    "memory/memory.limit_in_bytes": "9223372036854771712\n",
    "memory/memory.stat": "inactive_file 0\ntotal_inactive_file 8192\n",
    "cpu/cpuacct.usage": "2500000000\n",
    "pids/pids.current": "3\n",
    "pids/pids.max": "max\n",
  });
  const byController = new Map(
    [
      ["memory", "memory"],
      ["cpuacct", "cpu"],
      ["pids", "pids"],
    ].map(([controller = "", folder = ""]) => [controller, tree.at(folder)]),
  );
  expect(await cgroupUsage({ unified: tree.at("unified"), byController })).toEqual({
    memory: 4096,
    workingSet: 0,
    memoryLimit: 0,
    cpuSeconds: 2.5,
    threads: 3,
    threadsMax: 0,
  });
});

test("leaves out what a file doesn't say", async () => {
  const tree = await cgroupTree();
  await write(tree, {
    "cg/memory.current": "-1\n",
    "cg/memory.max": "much\n",
    "cg/memory.stat": "inactive_file\ninactive_file x\n",
    "cg/cpu.stat": "usage_usec 1e9\n",
    "cg/pids.current": "123456789012345678901\n",
    "cg/pids.max": "10\n",
  });
  expect(await cgroupUsage({ unified: tree.at("cg"), byController: new Map() })).toEqual({
    memory: undefined,
    workingSet: undefined,
    memoryLimit: undefined,
    cpuSeconds: undefined,
    threads: undefined,
    threadsMax: 10,
  });
});

test("returns nothing when the cgroup is gone", async () => {
  const tree = await cgroupTree();
  const byController = new Map([["memory", tree.at("gone")]]);
  expect(await cgroupUsage({ unified: tree.at("gone"), byController })).toBeUndefined();
  expect(await cgroupUsage({ unified: undefined, byController: new Map() })).toBeUndefined();
});

test("reads how many processes the kernel killed for lack of memory", async () => {
  const tree = await cgroupTree();
  const events = "low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\n";
  await write(tree, {
    "cg/memory.events": `${events}oom_group_kill 1\n`,
    "old/memory.events": events,
  });
  expect(await oomKillsIn(tree.at("cg"))).toEqual({ killed: 3, groups: 1 });
  expect(await oomKillsIn(tree.at("old"))).toEqual({ killed: 3, groups: 0 });
  expect(await oomKillsIn(tree.at("gone"))).toBeUndefined();
});
