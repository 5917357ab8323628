import { expect, test } from "@jest/globals";
import type { ContainerRecord } from "../../src/state/containers/container-record.ts";
import { noReading, READING_GROUPS, type UnitReading } from "../../src/domain/readings.ts";
import { ACTIVE_STATES, RARE_ACTIVE_STATES } from "../../src/domain/unit.ts";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { Fleet } from "../../src/state/fleet.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { containerDetails, engineEvent, idOf } from "../support/engine-facts.ts";
import { serviceSignal, unitSignal } from "../support/systemd-facts.ts";

const LIMIT = 2_000;
const NAME = "a.service";

/** A container whose systemd is watched, with a budget for all groups. */
interface Watched {
  readonly fleet: Fleet;
  readonly record: ContainerRecord;
  readonly series: SeriesBudget;
}

function watched(limit = LIMIT): Watched {
  const series = new SeriesBudget(limit, () => 1n, { groups: new Set(READING_GROUPS) });
  const fleet = new Fleet({
    events: { changed: () => {}, refused: () => {} },
    admission: { shown: () => true, series },
    identify: ({ id, name, image }) => ({ id, name, image, node: "", cluster: "", runtime: "" }),
  });
  fleet.complete();
  fleet.engineEvent(engineEvent("start", "web"));
  const { identity } = fleet.get(idOf("web"))!;
  const record = fleet.details(containerDetails("web", { identity, runsSystemd: true }), true);
  record.systemd.take({ kind: "attached", transport: "dbus", atNs: 1n });
  record.systemd.take({ kind: "recovered", entries: [] });
  record.systemd.take({ kind: "listed", rows: [], asOfNs: 1n });
  record.systemd.manager.answersQueries = true;
  return { fleet, record, series };
}

/** Returns the room that is taken. */
function taken(series: SeriesBudget, limit = LIMIT): number {
  let free = limit;
  while (!series.take(free)) free -= 1;
  series.give(free);
  return limit - free;
}

/** Returns the names of the series of a unit, each with the label that it adds. */
function seriesOf({ fleet }: Watched, name: string): string[] {
  const shown: string[] = [];
  for (const metric of STATE_METRICS) {
    const visits = metric.read(fleet, (labels, _value, _extraName, extraValue = "") => {
      if (labels.pairs.some(([label, value]) => label === "name" && value === name)) {
        shown.push(`${metric.name} ${extraValue}`);
      }
    });
    while (visits.next().done !== true);
  }
  return shown;
}

const TIMES = { activeEnter: 1, activeExit: 1, inactiveEnter: 1, inactiveExit: 1 };
const CONDITION = { conditionTime: 1, isConditionMet: false };
const CGROUP = { cpuSeconds: 1, memory: 1, memoryPeak: 1, readBytes: 1, writtenBytes: 1 };
const IP = { ingressBytes: 1, ingressPackets: 1, egressBytes: 1, egressPackets: 1 };

/** All values that a unit of a type can have. */
const READINGS: Readonly<Record<string, Partial<UnitReading>>> = {
  service: {
    ...CGROUP,
    ...IP,
    tasks: 1,
    tasksMax: 1,
    subtype: "notify",
    exitCode: 2,
    exitStatus: 9,
  },
  socket: { ...CGROUP, accepted: 1, connections: 1, refused: 1 },
  timer: { lastTrigger: 1 },
  mount: { ...CGROUP, subtype: "ext4" },
  swap: CGROUP,
  slice: CGROUP,
  scope: CGROUP,
  target: {},
};

function readAll({ record }: Watched, name: string): void {
  const unit = record.systemd.units.get(name)!;
  unit.reading = { ...noReading(), ...TIMES, ...CONDITION, ...READINGS[unit.type] };
}

/** Lets a unit fail with a result. */
function fail({ record: { systemd } }: Watched, unit: string, result: string): void {
  const timeNs = BigInt(10 + systemd.units.get(unit)!.failures.size) * 1_000_000n;
  const times = { timeNs, stateChangeNs: timeNs };
  systemd.take(unitSignal({ unit, activeState: "active", subState: "running", ...times }));
  systemd.take(serviceSignal({ unit, result, restarts: 0, timeNs }));
  const after = { timeNs: timeNs + 1n, stateChangeNs: timeNs + 1n };
  systemd.take(unitSignal({ unit, activeState: "failed", subState: "failed", ...after }));
}

/** Lists one unit, which is active. */
function list({ record: { systemd } }: Watched, name: string): void {
  systemd.take({
    kind: "listed",
    rows: [{ name, activeState: "active", subState: "x" }],
    asOfNs: 2n,
  });
}

test.each(Object.keys(READINGS))("takes the room of all that a %s shows", (type) => {
  const all = watched();
  const before = taken(all.series);
  const name = `a.${type}`;
  list(all, name);
  const room = (): number => taken(all.series) - before;
  readAll(all, name);
  all.record.systemd.take({ kind: "start-time", unit: name, timeNs: 1n });
  // Room for the first failure is kept: its count and its time.
  expect(seriesOf(all, name)).toHaveLength(room() - 2);

  fail(all, name, "exit-code");
  readAll(all, name);
  expect(seriesOf(all, name)).toHaveLength(room());
  fail(all, name, "timeout");
  fail(all, name, "oom-kill");
  all.record.systemd.take({ kind: "frozen", unit: name, frozenState: "frozen" });
  readAll(all, name);
  const shown = seriesOf(all, name);
  expect(shown).toHaveLength(room());
  expect(new Set(shown).size).toBe(shown.length);
  expect(shown).toEqual(
    expect.arrayContaining([
      "systemd_unit_failures_total timeout",
      "systemd_unit_failures_total oom-kill",
      "systemd_unit_oom_kills_total ",
      "systemd_unit_freezer_state frozen",
    ]),
  );
  all.record.systemd.take({ kind: "frozen", unit: name, frozenState: undefined });
  expect(seriesOf(all, name)).toHaveLength(room());
  expect(seriesOf(all, name)).toHaveLength(shown.length - 1);
  all.record.forget();
  expect(taken(all.series)).toBe(0);
});

test.each([...ACTIVE_STATES, ...RARE_ACTIVE_STATES])(
  "takes the room of all that a service shows while it is %s",
  (activeState) => {
    const all = watched();
    const before = taken(all.series);
    list(all, NAME);
    fail(all, NAME, "exit-code");
    const times = { timeNs: 1_000_000_000n, stateChangeNs: 1_000_000_000n };
    const state = { activeState, subState: "x", activeEnterNs: 1_000_000_000n };
    all.record.systemd.take(unitSignal({ unit: NAME, ...state, ...times }));
    readAll(all, NAME);
    const shown = seriesOf(all, NAME);
    expect(shown).toContain(`systemd_unit_state ${activeState}`);
    expect(shown).toHaveLength(taken(all.series) - before);
  },
);

test("takes the room of the load state of a unit that is masked", () => {
  const all = watched();
  const before = taken(all.series);
  list(all, NAME);
  fail(all, NAME, "exit-code");
  const row = { name: NAME, activeState: "failed", subState: "failed" } as const;
  all.record.systemd.take({ kind: "loaded", rows: [{ ...row, loadFault: "masked" }] });
  readAll(all, NAME);
  expect(seriesOf(all, NAME)).toContain("systemd_unit_load_state masked");
  expect(seriesOf(all, NAME)).toHaveLength(taken(all.series) - before);
  all.record.systemd.take({ kind: "loaded", rows: [row] });
  expect(seriesOf(all, NAME)).toHaveLength(taken(all.series) - before);
});

test("shows and counts the first failure of a unit, and refuses further series, when the limit is reached", () => {
  const all = watched();
  list(all, NAME);
  const free = LIMIT - taken(all.series);
  expect(all.series.take(free)).toBe(true);
  const { refused } = all.series;
  fail(all, NAME, "exit-code");
  fail(all, NAME, "timeout");
  fail(all, NAME, "timeout");
  const failures = (): string[] =>
    seriesOf(all, NAME).filter((each) => each.startsWith("systemd_unit_failures_total"));
  expect(failures()).toEqual(["systemd_unit_failures_total exit-code"]);
  expect(all.series.refused).toBe(refused + 1);
  // A series that was refused stays so; a later one has room.
  all.series.give(free);
  fail(all, NAME, "watchdog");
  expect(failures()).toEqual([
    "systemd_unit_failures_total exit-code",
    "systemd_unit_failures_total watchdog",
  ]);
});

test("takes room for each further exit code of a container", () => {
  const { fleet, record, series } = watched();
  const before = taken(series);
  const shown = (): readonly (number | undefined)[] => record.shownExits.map(([code]) => code);
  for (const exitCode of ["1", "2", "1", "3"]) {
    fleet.engineEvent(engineEvent("die", "web", { exitCode, timeNs: timeNs() }));
    fleet.engineEvent(engineEvent("start", "web", { timeNs: timeNs() }));
  }
  expect(shown()).toEqual([1, 2, 3]);
  expect(taken(series)).toBe(before + 2);
  const free = LIMIT - taken(series);
  expect(series.take(free)).toBe(true);
  fleet.engineEvent(engineEvent("die", "web", { exitCode: "4", timeNs: timeNs() }));
  expect(record.counters.exits.size).toBe(4);
  expect(shown()).toEqual([1, 2, 3]);
  record.forget();
  expect(taken(series)).toBe(free);
});

test("takes the room of all that a user manager shows", () => {
  const { fleet, record, series } = watched();
  const before = taken(series);
  const manager = record.users.obtain("1000")!;
  manager.begun();
  const { systemd } = manager;
  systemd.take({ kind: "attached", transport: "dbus", atNs: 1n });
  systemd.take({ kind: "recovered", entries: [] });
  const states = [...ACTIVE_STATES, ...RARE_ACTIVE_STATES];
  const rows = states.map((state) => ({
    name: `${state}.scope`,
    activeState: state,
    subState: "",
  }));
  systemd.take({ kind: "listed", rows, asOfNs: 1n });
  systemd.take({ kind: "manager", systemState: "running", timeNs: 1n });
  systemd.units.forgetAll();
  const shown: string[] = [];
  for (const metric of STATE_METRICS) {
    const visits = metric.read(fleet, (labels) => {
      if (labels.pairs.some(([label]) => label === "user")) shown.push(metric.name);
    });
    while (visits.next().done !== true);
  }
  expect(shown).toHaveLength(taken(series) - before);
});

let lastNs = 1_000_000_000n;

/** Returns a later time at each call: Unix nanoseconds. */
function timeNs(): bigint {
  lastNs += 1_000_000_000n;
  return lastNs;
}
