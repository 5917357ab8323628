import { expect, test } from "@jest/globals";
import { OomKillParser } from "../../../src/platform/process/kernel-oom-kills.ts";

/** Recorded from /dev/kmsg of kernel 6.18, without the lines between; the cgroup was shorter. */
const CGROUP = `/docker/${"a1".repeat(32)}/system.slice/hog.service`;
const RECORDS = [
  "4,433,1278537580,-;python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n",
  "6,461,1278537719,-;memory: usage 20480kB, limit 20480kB, failcnt 81\n",
  "6,462,1278537796,-;memory+swap: usage 20480kB, limit 9007199254740988kB, failcnt 0\n",
  `6,510,1278537894,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${CGROUP},task_memcg=${CGROUP},task=python3,pid=2204,uid=0\n`,
  "3,511,1278537909,-;Memory cgroup out of memory: Killed process 2204 (python3) total-vm:221356kB\n",
];

test("finds the process, its cgroup and the limit when the kernel killed it", () => {
  const parser = new OomKillParser();
  for (const record of RECORDS) parser.add(record);
  expect(parser.kills).toEqual([
    {
      process: "python3",
      monotonicNs: 1_278_537_894_000n,
      pid: 2204,
      cgroup: CGROUP,
      limitBytes: 20_971_520,
    },
  ]);
});

test("has no limit when the host ran out of memory, and reads odd names of processes", () => {
  const parser = new OomKillParser();
  parser.add(RECORDS[1] ?? "");
  parser.add(
    "6,9,1,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/x,task=a,task=b,pid=7,uid=0\n SUBSYSTEM=x\n",
  );
  expect(parser.kills).toEqual([
    { process: "a,task=b", monotonicNs: 1_000n, pid: 7, cgroup: "/x", limitBytes: undefined },
  ]);
});

test("keeps the newest 200 kills", () => {
  const parser = new OomKillParser();
  for (let pid = 1; pid <= 205; pid += 1) {
    parser.add(
      `6,1,1,-;oom-kill:constraint=CONSTRAINT_NONE,x,task_memcg=/x,task=a,pid=${pid},uid=0`,
    );
  }
  expect(parser.kills.map(({ pid }) => pid)).toEqual(
    Array.from({ length: 200 }, (_, at) => at + 6),
  );
});
