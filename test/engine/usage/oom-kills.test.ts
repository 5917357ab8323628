import { rm } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import type { OomKillCounts } from "../../../src/domain/container-usage.ts";
import { HostCgroups } from "../../../src/engine/usage/host-cgroups.ts";
import { OomKills, type OomKillsOptions } from "../../../src/engine/usage/oom-kills.ts";
import type { ContainerRecord } from "../../../src/state/containers/container-record.ts";
import { type CgroupTree, cgroupTree, type Mount } from "../../support/cgroup-tree.ts";
import { containerDetails, idOf } from "../../support/engine-facts.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";

const PATH = `/docker/${idOf("web")}`;

interface Rig extends Disposable {
  readonly tree: CgroupTree;
  readonly record: ContainerRecord;
  readonly kills: OomKills;
  /** Counts that reached the state, in order. */
  readonly shown: OomKillCounts[];
  readonly lines: readonly string[];
  readonly kernel: (killed: number) => Promise<void>;
}

function rig(...mounts: readonly Mount[]): Promise<Rig> {
  return rigWith({}, mounts);
}

async function rigWith(
  more: Pick<OomKillsOptions, "watchFile">,
  mounts: readonly Mount[],
): Promise<Rig> {
  const tree = await cgroupTree(...mounts);
  const { log, lines } = recordedLog();
  const { fleet, record } = recordedFleet();
  fleet.details(containerDetails("web", { pid: 7 }), true);
  const shown: OomKillCounts[] = [];
  const kills = new OomKills({
    fleet: { oomKills: (_record, counts) => void shown.push(counts) },
    files: new HostCgroups(tree.proc),
    clock: new FakeClock(),
    log,
    ...more,
  });
  const kernel = (killed: number): Promise<void> =>
    tree.write(`cg${PATH}/memory.events`, `oom_kill ${killed}\noom_group_kill 0\n`);
  await kernel(2);
  return {
    tree,
    record: record("web"),
    kills,
    shown,
    lines,
    kernel,
    [Symbol.dispose]: () => kills[Symbol.dispose](),
  };
}

test("shows the kernel's count when it follows a container, and when it changes", async () => {
  using web = await rig(["/", "cg", "cgroup2"]);
  await web.tree.process(7, `0::${PATH}/init.scope`);
  web.kills.sync(web.record);
  web.kills.sync(web.record);
  await eventually(() => expect(web.shown).toEqual([{ killed: 2, groups: 0 }]));
  await web.kernel(3);
  // A change that comes in two notifications is shown twice.
  await eventually(() => expect(web.shown.at(-1)).toEqual({ killed: 3, groups: 0 }));
});

test("follows no container that doesn't run any more", async () => {
  using web = await rig(["/", "cg", "cgroup2"]);
  await web.tree.process(7, `0::${PATH}`);
  web.kills.sync(web.record);
  web.record.status = "exited";
  web.kills.sync(web.record);
  await web.kernel(3);
  web.record.status = "running";
  web.kills.sync(web.record);
  await eventually(() => expect(web.shown).toEqual([{ killed: 3, groups: 0 }]));
});

test("outlives a cgroup that is removed, and follows the next run", async () => {
  using web = await rig(["/", "cg", "cgroup2"]);
  await web.tree.process(7, `0::${PATH}`);
  web.kills.sync(web.record);
  await eventually(() => expect(web.shown).toHaveLength(1));
  await rm(web.tree.at(`cg${PATH}`), { recursive: true });
  await web.tree.process(8, `0::${PATH}`);
  await web.kernel(0);
  web.record.pid = 8;
  web.kills.sync(web.record);
  await eventually(() => expect(web.shown.at(-1)).toEqual({ killed: 0, groups: 0 }));
});

test("says so when the kernel allows no further watch", async () => {
  const watchFile: OomKillsOptions["watchFile"] = () => {
    throw Object.assign(new Error("EMFILE: too many open files, watch"), { code: "EMFILE" });
  };
  using web = await rigWith({ watchFile }, [["/", "cg", "cgroup2"]]);
  await web.tree.process(7, `0::${PATH}`);
  web.kills.sync(web.record);
  await eventually(() => expect(web.lines).toHaveLength(1));
  expect(web.lines[0]).toContain(
    'msg="kernel\'s OOM kills not followed, the engine\'s events count" container=web detail="EMFILE: too many open files, watch"',
  );
  expect(web.shown).toEqual([]);
});

test.each([
  ["with cgroup v1", `4:memory:${PATH}`, `0::${PATH}`],
  ["whose cgroup isn't visible here", "0::/some/other/process"],
])("follows no container %s", async (_what, ...lines) => {
  using web = await rig(["/", "cg", "cgroup2"], ["/", "cg", "memory"]);
  await web.tree.process(7, ...lines);
  web.kills.sync(web.record);
  await web.tree.process(8, `0::${PATH}`);
  const { promise: read, resolve } = Promise.withResolvers<void>();
  const other = new OomKills({
    fleet: { oomKills: () => resolve() },
    files: new HostCgroups(web.tree.proc),
    clock: new FakeClock(),
    log: recordedLog().log,
  });
  using _other = other;
  web.record.pid = 8;
  other.sync(web.record);
  // By now the first has looked, too.
  await read;
  expect(web.shown).toEqual([]);
});
