import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { CgroupTree, type TreeLimits } from "../../../src/engine/proc/cgroup-tree.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeHost } from "../../support/fake-host.ts";

let host: FakeHost;
let stack: DisposableStack;

beforeEach(() => {
  stack = new DisposableStack();
  host = stack.use(new FakeHost());
});
afterEach(() => stack.dispose());

/** Opens the tree; cgroups whose names begin with `c` are containers'. */
function opened(limits: Partial<TreeLimits> = {}) {
  const seen: string[] = [];
  const tree = new CgroupTree(
    host.cgroups,
    {
      appeared(path) {
        seen.push(`+${path}`);
        return /\/c[^/]*$/.test(path);
      },
      vanished: (path) => void seen.push(`-${path}`),
      renamed: (path, to) => void seen.push(`${path}>${to}`),
      refused: (path) => void seen.push(`!${path}`),
    },
    limits,
  );
  stack.use(tree);
  tree.open();
  return { tree, seen };
}

test("reports what is there, parents first, and nothing below a container", () => {
  host.cgroup("/a/b/c1/inside");
  expect(opened().seen).toEqual(["+/a", "+/a/b", "+/a/b/c1"]);
});

test("reports what is made, also in a cgroup that was made just before", async () => {
  const { seen } = opened();
  host.cgroup("/a/b/c1");
  await eventually(() => expect(seen).toEqual(["+/a", "+/a/b", "+/a/b/c1"]));
});

test("reports the end of the containers below a cgroup that is removed", async () => {
  host.cgroup("/a/b/c1");
  const { seen } = opened();
  seen.length = 0;
  host.removeCgroup("/a");
  await eventually(() => expect(seen).toEqual(["-/a/b/c1"]));
});

test("reports another name of a container's cgroup as a rename", async () => {
  host.cgroup("/a/c1");
  const { seen } = opened();
  seen.length = 0;
  host.renameCgroup("/a/c1", "/a/c2");
  await eventually(() => expect(seen).toEqual(["/a/c1>/a/c2"]));
});

test("refuses cgroups past its bounds, and gives room again when some are removed", async () => {
  host.cgroup("/a");
  host.cgroup("/b");
  const { seen } = opened({ maxFolders: 2 });
  expect(seen).toHaveLength(3);
  const refused = seen.filter((line) => line.startsWith("!"));
  expect(refused).toHaveLength(1);
  const watched = refused[0] === "!/a" ? "/b" : "/a";
  host.removeCgroup(watched);
  host.cgroup("/d");
  await eventually(() => expect(seen).toContain("+/d"));
  host.cgroup("/d/c1");
  await eventually(() => expect(seen).toContain("+/d/c1"));
});

test("bounds the cgroups of a user apart from the others", () => {
  host.cgroup("/user@1000.service/x");
  host.cgroup("/user@1000.service/y");
  host.cgroup("/z");
  const { seen } = opened({ maxUserFolders: 2 });
  expect(seen.filter((line) => line.startsWith("!"))).toHaveLength(1);
  expect(seen).not.toContain("!/z");
});

test("goes no deeper than its bound", () => {
  host.cgroup("/a/b/d/e");
  expect(opened({ maxDepth: 3 }).seen).toEqual(["+/a", "+/a/b", "+/a/b/d", "!/a/b/d"]);
});

test("finds by a rescan what no report has shown", () => {
  const { tree, seen } = opened();
  host.cgroup("/a/c1");
  tree.rescan();
  expect(seen).toEqual(["+/a", "+/a/c1"]);
});
