import { expect, test } from "@jest/globals";
import type { ContainerRecord } from "../../../src/state/containers/container-record.ts";
import { containerDetails } from "../../support/engine-facts.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";

interface Rig {
  readonly record: ContainerRecord;
  /** Has the kernel show its count. */
  readonly kernel: (killed: number, groups?: number) => void;
  /** Has the engine send an event. */
  readonly event: (action?: string) => void;
  readonly counted: () => number;
  /** Details of the changes so far. */
  readonly changes: () => string[];
  readonly inspect: (oomKilled: boolean) => void;
  readonly later: (seconds: number) => void;
}

/** A container that runs since before the watch, or whose start the watch saw. */
function rig({ isNew }: { readonly isNew: boolean }): Rig {
  const recorded = recordedFleet();
  const { fleet } = recorded;
  let nowNs = 1_000_000_000n;
  const event = (action = "oom"): void => {
    nowNs += 1_000_000n;
    recorded.happens(action, "web", { timeNs: nowNs } as never);
  };
  if (isNew) {
    fleet.complete();
    event("create");
    event("start");
  } else fleet.details(containerDetails("web"), true);
  const record = recorded.record("web");
  return {
    record,
    kernel(killed, groups = 0) {
      nowNs += 1_000_000n;
      fleet.oomKills(record, { killed, groups }, nowNs);
    },
    event,
    counted: () => record.counters.oomEvents,
    changes: () =>
      recorded.changes.filter(({ kind }) => kind === "container.oom").map(({ detail }) => detail),
    inspect(oomKilled) {
      nowNs += 1_000_000n;
      fleet.reconcile(containerDetails("web", { oomKilled, startedAtNs: 500n }), nowNs);
    },
    later: (seconds) => void (nowNs += BigInt(seconds) * 1_000_000_000n),
  };
}

test("counts each killed process once, whichever shows it first", () => {
  const { kernel, event, counted, changes } = rig({ isNew: true });
  kernel(1);
  event();
  expect(counted()).toBe(1);
  event();
  kernel(2);
  expect(counted()).toBe(2);
  expect(changes()).toEqual(["", ""]);
});

test("counts what an event leaves out, and kills without an event", () => {
  const { kernel, event, counted, changes } = rig({ isNew: true });
  event();
  kernel(3);
  expect(counted()).toBe(3);
  kernel(4);
  kernel(4);
  expect(counted()).toBe(4);
  expect(changes()).toEqual(["", "kills=2", ""]);
});

test("counts events while the kernel's count isn't shown", () => {
  const { kernel, event, counted } = rig({ isNew: true });
  event();
  event();
  event();
  expect(counted()).toBe(3);
  kernel(3);
  kernel(3);
  expect(counted()).toBe(3);
});

test("doesn't count kills before the watch", () => {
  const { kernel, event, counted } = rig({ isNew: false });
  kernel(7);
  expect(counted()).toBe(0);
  kernel(8);
  event();
  expect(counted()).toBe(1);
});

test("begins again at 0 with each run", () => {
  const { kernel, event, counted } = rig({ isNew: true });
  kernel(2);
  event("die");
  event("start");
  kernel(1);
  expect(counted()).toBe(3);
});

test("takes a lower count for that of a run whose start was missed", () => {
  const { kernel, counted } = rig({ isNew: true });
  kernel(5);
  kernel(2);
  kernel(3);
  expect(counted()).toBe(6);
});

test("counts a kill of a whole cgroup once, and none of its events", () => {
  const { kernel, event, counted } = rig({ isNew: true });
  kernel(20, 1);
  for (let i = 0; i < 20; i += 1) event();
  expect(counted()).toBe(1);
  event();
  kernel(40, 2);
  expect(counted()).toBe(2);
});

test("counts an event long after a kill, which is of another one", () => {
  const { kernel, event, counted, later } = rig({ isNew: true });
  kernel(1);
  later(61);
  event();
  expect(counted()).toBe(2);
});

test("doesn't count again what inspect shows, before or after the kernel does", () => {
  const { kernel, inspect, counted, record } = rig({ isNew: true });
  kernel(1);
  inspect(true);
  expect([counted(), record.oom]).toEqual([1, "event"]);
  const other = rig({ isNew: true });
  other.inspect(true);
  other.kernel(1);
  expect(other.counted()).toBe(1);
});
