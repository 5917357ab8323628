import { expect, test } from "@jest/globals";
import { HostCgroups, readCgroupFile } from "../../../src/engine/usage/host-cgroups.ts";
import { cgroupTree, type Mount } from "../../support/cgroup-tree.ts";

const ID = "a1".repeat(32);
const OTHER = "b2".repeat(32);
const V2: Mount = ["/", "cg", "cgroup2"];

test.each([
  ["Docker by cgroupfs", `/docker/${ID}`, `/docker/${ID}`],
  ["Docker by systemd", `/system.slice/docker-${ID}.scope`, `/system.slice/docker-${ID}.scope`],
  ["a node whose systemd has cgroups of its own", `/docker/${ID}/init.scope`, `/docker/${ID}`],
  [
    "podman with crun",
    `/machine.slice/libpod-${ID}.scope/container/init.scope`,
    `/machine.slice/libpod-${ID}.scope`,
  ],
  [
    "an engine in a container",
    `/docker/${OTHER}/docker/${ID}/init.scope`,
    `/docker/${OTHER}/docker/${ID}`,
  ],
  ["a container that names a cgroup after itself", `/docker/${ID}/x/docker/${ID}`, `/docker/${ID}`],
])("finds the cgroup of %s", async (_what, path, expected) => {
  const tree = await cgroupTree(V2);
  await tree.process(7, `0::${path}`);
  expect(await new HostCgroups(tree.proc).find({ id: ID, pid: 7 })).toEqual({
    unified: tree.at(`cg${expected}`),
    byController: new Map(),
  });
});

test("finds the hierarchies of cgroup v1, each with a path of its own", async () => {
  const tree = await cgroupTree(
    ["/", "cg/unified", "cgroup2"],
    ["/", "cg/cpu,cpuacct", "cpu,cpuacct"],
    ["/", "cg/my memory", "memory"],
  );
  await tree.process(
    7,
    `9:name=systemd:/docker/${ID}/init.scope`,
    `5:pids:/docker/${ID}`,
    `4:memory:/docker/${ID}/init.scope`,
    `3:cpu,cpuacct:/docker/${ID}`,
    `0::/docker/${ID}`,
  );
  expect(await new HostCgroups(tree.proc).find({ id: ID, pid: 7 })).toEqual({
    unified: tree.at(`cg/unified/docker/${ID}`),
    byController: new Map([
      ["memory", tree.at(`cg/my memory/docker/${ID}`)],
      ["cpu", tree.at(`cg/cpu,cpuacct/docker/${ID}`)],
      ["cpuacct", tree.at(`cg/cpu,cpuacct/docker/${ID}`)],
    ]),
  });
});

test("follows a mount whose root is below the hierarchy's, and no other", async () => {
  const tree = await cgroupTree(["/docker/x", "wrong", "cgroup2"], ["/docker", "cg", "cgroup2"]);
  await tree.process(7, `0::/docker/${ID}`);
  const files = new HostCgroups(tree.proc);
  expect((await files.find({ id: ID, pid: 7 }))?.unified).toBe(tree.at(`cg/${ID}`));
  await tree.process(8, `0::/dockery/${ID}`);
  expect(await files.find({ id: ID, pid: 8 })).toBeUndefined();
});

test.each([
  ["another container", 7, `0::/docker/${OTHER}`],
  ["no container", 7, "0::/user.slice"],
  ["a container outside of this one's cgroup namespace", 7, `0::/../${ID}`],
  ["a path that isn't one", 7, `0::docker/${ID}`],
  ["text that isn't of the kernel", 7, "\0\xFF::::"],
  ["nothing", 7, ""],
  ["a long path", 7, `0::/docker/${ID}${"/x".repeat(40_000)}`],
  ["a process that has ended", 8, `0::/docker/${ID}`],
  ["a pid that isn't known yet", 0, `0::/docker/${ID}`],
])("finds nothing for %s", async (_what, pid, line) => {
  const tree = await cgroupTree(V2);
  await tree.process(7, line);
  expect(await new HostCgroups(tree.proc).find({ id: ID, pid })).toBeUndefined();
});

test("finds nothing where no cgroups are mounted", async () => {
  const tree = await cgroupTree();
  await tree.process(7, `0::/docker/${ID}`);
  expect(await new HostCgroups(tree.proc).find({ id: ID, pid: 7 })).toBeUndefined();
});

test("reads a file up to 16 KiB", async () => {
  const tree = await cgroupTree();
  await tree.write("cg/small", "x".repeat(16_000));
  await tree.write("cg/large", "x".repeat(17_000));
  expect((await readCgroupFile(tree.at("cg"), "small"))?.length).toBe(16_000);
  expect(await readCgroupFile(tree.at("cg"), "large")).toBeUndefined();
  expect(await readCgroupFile(tree.at("cg"), "missing")).toBeUndefined();
  expect(await readCgroupFile(tree.at("."), "cg")).toBeUndefined();
});
