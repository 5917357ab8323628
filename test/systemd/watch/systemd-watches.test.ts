import { expect, test } from "@jest/globals";
import type { ContainerDetails } from "../../../src/domain/container.ts";
import { EventBus } from "../../../src/state/event-bus.ts";
import { SystemdWatches } from "../../../src/systemd/watch/systemd-watches.ts";
import { containerDetails } from "../../support/engine-facts.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeSystemdSource } from "../../support/fake-systemd-source.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import type { RecordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import { turns } from "../../support/turns.ts";

interface Watched extends RecordedFleet, AsyncDisposable {
  readonly watches: SystemdWatches;
  readonly clock: FakeClock;
  /** Every source that was opened, with the name of its container. */
  readonly sources: (readonly [name: string, source: FakeSystemdSource])[];
  /** Source of the n-th. */
  readonly source: (at: number) => FakeSystemdSource;
  /** Applies an event of a container, and syncs its watch. */
  readonly apply: (action: string, name: string) => void;
  readonly inspect: (name: string, more?: Partial<ContainerDetails>) => void;
}

function watched(isWanted = true): Watched {
  const recorded = recordedFleet();
  const clock = new FakeClock();
  const sources: (readonly [string, FakeSystemdSource])[] = [];
  const { log } = recordedLog(clock);
  const bus = new EventBus(log);
  bus.subscribe("change", (change) => void recorded.changes.push(change));
  const watches = new SystemdWatches({
    clock,
    log,
    bus,
    sourceOf({ identity }) {
      if (!isWanted) return undefined;
      const source = new FakeSystemdSource();
      sources.push([identity.name, source]);
      return source;
    },
  });
  return {
    ...recorded,
    watches,
    clock,
    sources,
    source(at) {
      const [, source] = sources[at] ?? [];
      if (source === undefined) throw new Error(`there is no source ${at}`);
      return source;
    },
    apply(action, name) {
      const record = recorded.happens(action, name);
      if (record !== undefined) watches.sync(record);
    },
    inspect(name, more = {}) {
      const { status, startedAtNs } = recorded.record(name);
      const details = { status, startedAtNs, runsSystemd: true, ...more };
      watches.sync(recorded.fleet.details(containerDetails(name, details), true));
    },
    [Symbol.asyncDispose]: () => watches.stopAll(),
  };
}

test("watches a container from when it is known to run systemd until it dies", async () => {
  await using watching = watched();
  const { apply, inspect, sources, source } = watching;
  apply("create", "node");
  apply("start", "node");
  expect(sources).toEqual([]);
  inspect("node");
  inspect("node");
  expect(sources.map(([name]) => name)).toEqual(["node"]);
  expect(source(0).latest.signal.aborted).toBe(false);
  apply("die", "node");
  expect(source(0).latest.signal.aborted).toBe(true);
  await watching.clock.advance(60_000);
  expect(source(0).runs).toHaveLength(1);
  expect(sources).toHaveLength(1);
});

test("watches no container that doesn't run, or runs no systemd", async () => {
  await using watching = watched();
  const { apply, inspect, sources } = watching;
  apply("create", "web");
  apply("start", "web");
  inspect("web", { runsSystemd: false });
  apply("create", "node");
  inspect("node");
  apply("create", "old");
  inspect("old", { status: "exited", finishedAtNs: 5n });
  inspect("old", { status: "restarting" });
  apply("pause", "web");
  apply("unpause", "web");
  expect(sources).toEqual([]);
});

test("watches nothing when there is no source", async () => {
  await using watching = watched(false);
  watching.apply("create", "node");
  watching.apply("start", "node");
  watching.inspect("node");
  expect(watching.sources).toEqual([]);
  expect(watching.clock.pendingTimers).toBe(0);
});

test("has a watch for each container", async () => {
  await using watching = watched();
  const { apply, inspect, sources, source } = watching;
  for (const name of ["a", "b"]) {
    apply("create", name);
    apply("start", name);
    inspect(name);
  }
  expect(sources.map(([name]) => name)).toEqual(["a", "b"]);
  apply("die", "a");
  expect(source(0).latest.signal.aborted).toBe(true);
  expect(source(1).latest.signal.aborted).toBe(false);
});

test("starts a new watch for the next run, undisturbed by the end of the old one", async () => {
  await using watching = watched();
  const { apply, inspect, sources, source, record, changes } = watching;
  apply("create", "node");
  apply("start", "node");
  inspect("node");
  source(0).isStubborn = true;
  source(0).latest.attach([unitRow("old.service", "active")]);
  apply("die", "node");
  apply("start", "node");
  expect(sources).toHaveLength(2);
  source(1).latest.attach([unitRow("new.service", "active")]);
  const { systemd } = record("node");
  expect(systemd).toMatchObject({ up: true });
  source(0).latest.take({ kind: "listed", rows: [unitRow("old.service", "failed")], asOfNs: 9n });
  source(0).latest.end(new Error("killed"));
  await turns();
  expect(systemd).toMatchObject({ up: true });
  expect([...systemd.units.values()].map(({ name }) => name)).toEqual(["new.service"]);
  await watching.clock.advance(60_000);
  expect(changes.filter(({ kind }) => kind.startsWith("monitor"))).toEqual([]);
  expect(source(0).runs).toHaveLength(1);
});

test("keeps the watch of a paused container, and wakes it when unpaused", async () => {
  await using watching = watched();
  const { apply, inspect, source, sources, clock } = watching;
  apply("create", "node");
  apply("start", "node");
  inspect("node");
  source(0).fault = new Error("container is paused");
  source(0).latest.end();
  apply("pause", "node");
  await clock.advance(60_000);
  const attempts = source(0).runs.length;
  apply("pause", "node");
  await turns();
  expect(source(0).runs).toHaveLength(attempts);
  source(0).fault = undefined;
  apply("unpause", "node");
  await turns();
  expect(source(0).runs).toHaveLength(attempts + 1);
  expect(sources).toHaveLength(1);
});

test.each(["destroy", "die"])("ends the watch on %s", async (action) => {
  await using watching = watched();
  watching.apply("create", "node");
  watching.apply("start", "node");
  watching.inspect("node");
  watching.apply(action, "node");
  expect(watching.source(0).latest.signal.aborted).toBe(true);
});

test("ends the watch when the container turns out to run no systemd", async () => {
  await using watching = watched();
  watching.apply("create", "node");
  watching.apply("start", "node");
  watching.inspect("node");
  watching.inspect("node", { runsSystemd: false });
  expect(watching.source(0).latest.signal.aborted).toBe(true);
});

test("waits for every watch when all are stopped, also for those stopped before", async () => {
  const { watches, apply, inspect, source } = watched();
  for (const name of ["a", "b"]) {
    apply("create", name);
    apply("start", name);
    inspect(name);
  }
  source(0).isStubborn = true;
  source(1).isStubborn = true;
  apply("die", "a");
  let stopped = false;
  const done = (async () => {
    await watches.stopAll();
    stopped = true;
  })();
  source(1).latest.end();
  await turns();
  expect(stopped).toBe(false);
  source(0).latest.end();
  await done;
  expect(source(1).latest.signal.aborted).toBe(true);
});
