import { expect, test } from "@jest/globals";
import { containerDetails, idOf, identityOf } from "../../support/engine-facts.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import type { RecordedFleet } from "../../support/recorded-fleet.ts";

const OLD = idOf("old");
const NEW = idOf("new");
/** The name that Compose gives a container until the old one is removed. */
const TEMPORARY = "0123_web";

interface Recreated extends RecordedFleet {
  /** Applies an event of the old or the new container. */
  readonly old: (action: string, more?: Readonly<Record<string, string>>) => void;
  readonly next: (action: string, more?: Readonly<Record<string, string>>) => void;
  readonly counted: (name?: string) => object;
}

/** `web` was started, has exited with 3, was started again, and has a unit with two failures. */
function watched(): Recreated {
  const recorded = recordedFleet();
  const { happens, record } = recorded;
  const result: Recreated = {
    ...recorded,
    old: (action, more) => void happens(action, "web", { id: OLD, ...more }),
    next: (action, more) => void happens(action, TEMPORARY, { id: NEW, ...more }),
    counted(name = "web") {
      const { counters, lastExit, systemd } = record(name);
      const { starts, exits, restarts, oomEvents } = counters;
      const unit = systemd.units.get("a.service");
      return {
        starts,
        exits: Object.fromEntries(exits),
        restarts,
        oomEvents,
        last: lastExit?.exitCode,
        failures: Object.fromEntries(unit?.failures ?? []),
        unitRestarts: unit?.restarts ?? 0,
        reconnects: systemd.reconnects,
      };
    },
  };
  const { old } = result;
  old("create");
  old("start");
  old("oom");
  old("die", { exitCode: "3" });
  old("start");
  const unit = record("web").systemd.units.obtain("a.service");
  unit?.counters.countFailure("exit-code", 2);
  unit?.counters.countRestarts(1);
  record("web").systemd.reconnects = 2;
  return result;
}

const BEFORE = {
  starts: 2,
  exits: { 3: 1, 0: 1 },
  restarts: 0,
  oomEvents: 1,
  last: 0,
  failures: { "exit-code": 2 },
  unitRestarts: 1,
  reconnects: 2,
};

test("continues counters and last exit when a new container is renamed to the name of a removed one", () => {
  const { old, next, happens, counted, record, fleet } = watched();
  next("create");
  old("die", { exitCode: "0" });
  old("stop");
  old("destroy");
  happens("rename", "web", { id: NEW, oldName: `/${TEMPORARY}` });
  expect(counted()).toEqual(BEFORE);
  happens("start", "web", { id: NEW });
  expect(counted()).toEqual({ ...BEFORE, starts: 3 });
  expect(record("web").identity.id).toBe(NEW);
  expect([...fleet.containers()].map(({ identity }) => identity.name)).toEqual(["web"]);
  expect(record("web").labels.origin?.counting).toBe(record("web").counters);
  happens("die", "web", { id: NEW, exitCode: "3" });
  expect(counted()).toEqual({ ...BEFORE, starts: 3, exits: { 3: 2, 0: 1 }, last: 3 });
});

test("adds what the new container counted under its temporary name", () => {
  const { old, next, happens, counted, record } = watched();
  next("create");
  next("start");
  const unit = record(TEMPORARY).systemd.units.obtain("a.service");
  unit?.counters.countFailure("exit-code");
  unit?.counters.countFailure("signal");
  unit?.counters.countRestarts(4);
  old("die", { exitCode: "0" });
  old("destroy");
  happens("rename", "web", { id: NEW });
  expect(counted()).toEqual({
    ...BEFORE,
    starts: 3,
    failures: { "exit-code": 3, signal: 1 },
    unitRestarts: 5,
  });
  expect(record("web").systemd.units.get("a.service")?.labels.text).toContain('container="web"');
});

test("continues them when only inspect shows the recreation", () => {
  const { fleet, old, next, counted } = watched();
  fleet.complete();
  next("create");
  old("die", { exitCode: "0" });
  fleet.vanished(OLD, 9_000n);
  const identity = identityOf("web", { id: NEW });
  fleet.reconcile(containerDetails("web", { identity, startedAtNs: 8_000n }), 9_000n);
  expect(counted()).toEqual({ ...BEFORE, starts: 3 });
});

test("continues the last exit when a container is removed and run again", () => {
  const { old, happens, counted, record } = watched();
  old("die", { exitCode: "0" });
  old("destroy");
  happens("create", "web", { id: NEW });
  happens("start", "web", { id: NEW });
  expect(counted()).toEqual({ ...BEFORE, starts: 3 });
  const exitNs = record("web").lastExit?.timeNs;
  expect(exitNs).toBeGreaterThan(0n);
  // It is not the new container's own.
  expect(record("web")).toMatchObject({ finishedAtNs: 0n, lastExitCode: undefined });
  const resume = record("web").resume();
  if (resume === undefined) throw new Error("no resume point");
  const again = recordedFleet();
  again.fleet.restore([resume]);
  expect(again.record("web").lastExit).toEqual({ exitCode: 0, timeNs: exitNs });
});

test("takes its own counters along when a container is renamed to a free name", () => {
  const { old, happens, counted } = watched();
  old("die", { exitCode: "0" });
  happens("rename", "www", { id: OLD });
  expect(counted("www")).toEqual(BEFORE);
});

// Compose v1, and people, rename the old one first.
test("continues the counters of a name for a new container when the old one was renamed", () => {
  const { old, happens, counted, record, changes } = watched();
  old("die", { exitCode: "0" });
  happens("rename", "0123_web", { id: OLD });
  expect(counted("0123_web")).toEqual(BEFORE);
  happens("create", "web", { id: NEW });
  happens("start", "web", { id: NEW });
  expect(counted()).toEqual({ ...BEFORE, starts: 3 });
  const unit = record("web").systemd.units.get("a.service");
  expect(unit?.labels.text).toContain('container="web"');
  expect(unit?.labels.origin?.counting).toBe(unit?.counters);
  const none = { starts: 0, exits: {}, oomEvents: 0, failures: {}, unitRestarts: 0 };
  const begun = { ...none, reconnects: 0 };
  expect(counted("0123_web")).toEqual({ ...BEFORE, ...begun });
  expect(record("0123_web").labels.origin?.counting).toBe(record("0123_web").counters);
  happens("start", "0123_web", { id: OLD });
  expect(counted("0123_web")).toEqual({ ...BEFORE, ...begun, starts: 1 });
  expect(counted()).toEqual({ ...BEFORE, starts: 3 });
  expect(changes.at(-1)?.container).toBe("0123_web");
});

test("leaves the counters to a renamed container after the retention, and when it has merged them", () => {
  const { fleet, old, next, happens, counted } = watched();
  happens("rename", "www", { id: OLD });
  fleet.forgetDestroyed(10n ** 30n);
  happens("create", "web", { id: idOf("third") });
  expect(counted()).toMatchObject({ starts: 0 });
  expect(counted("www")).toMatchObject({ starts: 2 });

  next("create");
  next("start");
  happens("destroy", "web", { id: idOf("third") });
  happens("rename", "web", { id: NEW });
  happens("create", TEMPORARY, { id: idOf("fourth") });
  expect(counted()).toMatchObject({ starts: 1 });
  old("die");
});

test.each([
  ["after the retention", { forget: true, cluster: "dev" }],
  ["in another cluster", { forget: false, cluster: "other" }],
])("begins its own counters when the name is taken %s", (_, { forget, cluster }) => {
  const { fleet, old, happens, counted } = watched();
  const named = { id: NEW, "sind.cluster": cluster };
  happens("create", TEMPORARY, named);
  old("die", { exitCode: "0" });
  old("destroy");
  if (forget) fleet.forgetDestroyed(10n ** 30n);
  happens("rename", "web", named);
  happens("start", "web", named);
  expect(counted()).toEqual({
    starts: 1,
    exits: {},
    restarts: 0,
    oomEvents: 0,
    last: undefined,
    failures: {},
    unitRestarts: 0,
    reconnects: 0,
  });
});
