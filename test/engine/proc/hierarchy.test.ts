import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { findHierarchy } from "../../../src/engine/proc/hierarchy.ts";

const root = mkdtempSync(join(tmpdir(), "mounts-"));

/** Makes the root of a hierarchy, or a part of one, and returns its line in mountinfo. */
function mount(
  name: string,
  { type, options, isPart = false }: { type: string; options: string; isPart?: boolean },
): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "cgroup.procs"), "");
  if (type === "cgroup" && !isPart) writeFileSync(join(folder, "release_agent"), "");
  if (type === "cgroup2" && isPart) writeFileSync(join(folder, "cgroup.type"), "domain\n");
  const shown = folder.replaceAll(" ", String.raw`\040`);
  return `30 24 0:26 / ${shown} rw,nosuid - ${type} cgroup rw,${options}`;
}

test("takes cgroup v2, wherever it is mounted", () => {
  const line = mount("host cgroup", { type: "cgroup2", options: "nsdelegate" });
  expect(findHierarchy(`1 1 0:1 / / rw - ext4 /dev/vda rw\n${line}\n`)).toEqual({
    version: 2,
    root: join(root, "host cgroup"),
  });
});

test("takes systemd's hierarchy of cgroup v1, with the freezer and a cgroup v2 beside it", () => {
  const lines = [
    mount("v1/unified", { type: "cgroup2", options: "rw" }),
    mount("v1/pids", { type: "cgroup", options: "pids" }),
    mount("v1/freezer", { type: "cgroup", options: "freezer" }),
    mount("v1/systemd", { type: "cgroup", options: "xattr,name=systemd" }),
  ];
  expect(findHierarchy(lines.join("\n"))).toEqual({
    version: 1,
    root: join(root, "v1/systemd"),
    freezer: join(root, "v1/freezer"),
    unified: join(root, "v1/unified"),
  });
});

test("takes a hierarchy of a controller when none is named", () => {
  const lines = [mount("v1b/memory", { type: "cgroup", options: "memory" })];
  expect(findHierarchy(lines.join("\n"))).toMatchObject({
    version: 1,
    root: join(root, "v1b/memory"),
  });
});

test("leaves out what a cgroup namespace shows as the root, and says so when that is all", () => {
  const own = mount("own", { type: "cgroup2", options: "rw", isPart: true });
  const ownV1 = mount("ownv1", { type: "cgroup", options: "name=systemd", isPart: true });
  const whole = mount("whole", { type: "cgroup2", options: "rw" });
  expect(findHierarchy(`${own}\n${ownV1}\n${whole}`)).toEqual({
    version: 2,
    root: join(root, "whole"),
  });
  expect(() => findHierarchy(`${own}\n${ownV1}`)).toThrow(
    "no mount shows the cgroups of the host: expected its /sys/fs/cgroup, mounted whole",
  );
});
