import { expect, test } from "@jest/globals";
import {
  type ManagerReading,
  noReading,
  type ReadingGroup,
  type ReadingSource,
  type UnitReading,
} from "../../../src/domain/readings.ts";
import type { ContainerRecord } from "../../../src/state/containers/container-record.ts";
import type { ManagerRecord } from "../../../src/state/containers/user-manager.ts";
import { Readings } from "../../../src/systemd/readings/readings.ts";
import { containerDetails } from "../../support/engine-facts.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import { unitRow, unitSignal } from "../../support/systemd-facts.ts";
import { turns } from "../../support/turns.ts";

/** A systemd that a test controls: it answers at once unless it is held. */
class FakeReadings implements ReadingSource {
  readonly asked: string[] = [];
  isHeld = false;
  fault: Error | undefined;
  /** Units that are gone. */
  readonly gone = new Set<string>();
  /** Called with each query. */
  onQuery: (unit: string) => void = () => {};
  readonly #held: (() => void)[] = [];

  async readUnit(unit: string): Promise<UnitReading | undefined> {
    await this.#ask(unit);
    const tasks = this.asked.length;
    return this.gone.has(unit) ? undefined : { ...noReading(), accepted: tasks };
  }

  async readManager(): Promise<ManagerReading | undefined> {
    await this.#ask("systemd");
    return undefined;
  }

  release(): void {
    this.isHeld = false;
    for (const answer of this.#held.splice(0)) answer();
  }

  async #ask(what: string): Promise<void> {
    this.asked.push(what);
    this.onQuery(what);
    if (this.isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.fault !== undefined) throw this.fault;
  }
}

interface Rig {
  readonly clock: FakeClock;
  readonly readings: Readings;
  readonly node: (name: string, ...units: readonly string[]) => Node;
}

interface Node {
  readonly record: ContainerRecord;
  readonly source: FakeReadings;
  /** Replaces the stream. */
  readonly reopen: () => FakeReadings;
  /** Accepted connections by unit, as metrics show them. */
  readonly shown: () => Record<string, number | undefined>;
  /** Has a signal of a unit arrive. */
  readonly signal: (unit: string, activeState: "active" | "inactive") => void;
}

function rig(...groups: readonly ReadingGroup[]): Rig {
  const { fleet, happens } = recordedFleet();
  const clock = new FakeClock();
  const sources = new Map<ManagerRecord, FakeReadings>();
  const readings = new Readings({
    fleet,
    groups: new Set(groups),
    sourceOf: (record) => sources.get(record),
    clock,
  });
  return {
    clock,
    readings,
    node(name, ...units) {
      happens("create", name);
      happens("start", name);
      const record = fleet.details(containerDetails(name, { runsSystemd: true }), true);
      const { systemd } = record;
      systemd.take({ kind: "attached", transport: "socket", atNs: 1_000n });
      systemd.take({ kind: "recovered", entries: [] });
      const rows = units.map((unit) => unitRow(unit, "active"));
      systemd.take({ kind: "listed", rows, asOfNs: 1_000n });
      const reopen = (): FakeReadings => {
        const source = new FakeReadings();
        sources.set(record, source);
        return source;
      };
      return {
        record,
        source: reopen(),
        reopen,
        shown() {
          if (!systemd.manager.answersQueries) return {};
          const known = [...systemd.units.values()].filter(({ reading }) => reading !== undefined);
          return Object.fromEntries(known.map((unit) => [unit.name, unit.reading?.accepted]));
        },
        signal(unit, activeState) {
          systemd.take(unitSignal({ unit, activeState, stateChangeNs: 2_000n, timeNs: 2_000n }));
        },
      };
    },
  };
}

test("asks each systemd once in 5 s, whatever the number of clients", async () => {
  const { clock, readings, node } = rig("sockets");
  const { source, shown } = node("worker", "a.socket", "b.service");
  source.isHeld = true;
  const scrapes = Promise.all(Array.from({ length: 10 }, () => readings.refresh()));
  await turns();
  source.release();
  await scrapes;
  expect(source.asked).toEqual(["a.socket"]);
  expect(shown()).toEqual({ "a.socket": 1 });
  await clock.advance(4_999);
  await readings.refresh();
  expect(source.asked).toHaveLength(1);
  await clock.advance(1);
  await readings.refresh();
  expect(source.asked).toHaveLength(2);
});

test("asks nothing without groups", async () => {
  const { readings, node } = rig();
  const { source, shown } = node("worker", "a.socket");
  await readings.refresh();
  expect(source.asked).toEqual([]);
  expect(shown()).toEqual({});
});

test("asks systemd itself for the groups that it has values of", async () => {
  for (const group of ["watchdog", "boot", "info"] as const) {
    const { readings, node } = rig(group);
    const { source } = node("worker");
    await readings.refresh();
    expect(source.asked).toEqual(["systemd"]);
  }
});

test("waits 1 s for a systemd that doesn't answer, once, and shows the others", async () => {
  const { clock, readings, node } = rig("sockets");
  const silent = node("silent", "a.socket");
  const other = node("other", "a.socket");
  silent.source.isHeld = true;
  const refresh = async (): Promise<number> => {
    const beginMs = clock.monotonicMs();
    const over = readings.refresh().then(() => clock.monotonicMs());
    for (let step = 0; step < 11; step += 1) await clock.advance(100);
    return (await over) - beginMs;
  };
  expect(await refresh()).toBe(1_000);
  expect(silent.shown()).toEqual({});
  expect(other.shown()).toEqual({ "a.socket": 1 });
  await clock.advance(10_000);
  expect(await refresh()).toBeLessThanOrEqual(100);
  expect(silent.source.asked).toHaveLength(1);
  expect(other.shown()).toEqual({ "a.socket": 2 });
  silent.source.release();
  await turns();
  await clock.advance(10_000);
  expect(await refresh()).toBe(0);
  expect(silent.shown()).toEqual({ "a.socket": 2 });
});

test("shows nothing of a systemd that stops to answer amid a scrape", async () => {
  const { clock, readings, node } = rig("sockets");
  const units = Array.from({ length: 60 }, (_, at) => `${at}.socket`);
  const { source, shown } = node("worker", ...units);
  await readings.refresh();
  expect(Object.keys(shown())).toHaveLength(60);
  await clock.advance(5_000);
  source.onQuery = () => (source.isHeld = source.asked.length >= 100);
  const over = readings.refresh();
  await clock.advance(1_000);
  await over;
  expect(source.asked.length).toBeGreaterThan(100);
  expect(shown()).toEqual({});
});

test("lets many silent systemds not delay the others", async () => {
  const { clock, readings, node } = rig("sockets");
  const silent = Array.from({ length: 40 }, (_, at) => node(`silent-${at}`, "a.socket"));
  for (const { source } of silent) source.isHeld = true;
  const others = Array.from({ length: 40 }, (_, at) => node(`other-${at}`, "a.socket"));
  const over = readings.refresh();
  await clock.advance(1_000);
  await over;
  expect(silent.flatMap(({ shown }) => Object.keys(shown()))).toEqual([]);
  expect(others.flatMap(({ shown }) => Object.keys(shown()))).toHaveLength(40);
});

test("asks a unit that doesn't run only after a signal or a listing", async () => {
  const { clock, readings, node } = rig("sockets");
  const { record, source, signal } = node("worker", "a.socket");
  signal("a.socket", "inactive");
  const round = async (): Promise<number> => {
    source.asked.splice(0);
    await clock.advance(5_000);
    await readings.refresh();
    return source.asked.length;
  };
  expect([await round(), await round()]).toEqual([1, 0]);
  signal("a.socket", "inactive");
  expect([await round(), await round()]).toEqual([1, 0]);
  const rows = [unitRow("a.socket", "inactive")];
  record.systemd.take({ kind: "listed", rows, asOfNs: 9_000n });
  expect([await round(), await round()]).toEqual([1, 0]);
  signal("a.socket", "active");
  expect([await round(), await round()]).toEqual([1, 1]);
});

test("never asks about a unit that is gone, masked or has no series", async () => {
  const { readings, node } = rig("sockets");
  const { record, source, shown } = node("worker", "a.socket", "b.socket");
  const rows = [
    unitRow("a.socket", "active"),
    unitRow("b.socket", "active"),
    { ...unitRow("masked.socket", "inactive"), loadFault: "masked" as const },
  ];
  record.systemd.take({ kind: "listed", rows, asOfNs: 2_000n });
  // It goes while the one before it is queried.
  source.onQuery = () => {
    record.systemd.take({ kind: "removed", unit: "b.socket", timeNs: 3_000n });
  };
  await readings.refresh();
  expect(source.asked).toEqual(["a.socket"]);
  expect(shown()).toEqual({ "a.socket": 1 });
});

test("asks again for what systemd didn't have", async () => {
  const { clock, readings, node } = rig("sockets");
  const { source, shown, signal } = node("worker", "a.socket");
  signal("a.socket", "inactive");
  source.gone.add("a.socket");
  await readings.refresh();
  expect(shown()).toEqual({});
  source.gone.clear();
  await clock.advance(5_000);
  await readings.refresh();
  expect(shown()).toEqual({ "a.socket": 2 });
});

test("takes no answer of a stream that was replaced", async () => {
  const { readings, node } = rig("sockets");
  const { source, reopen, shown } = node("worker", "a.socket");
  source.isHeld = true;
  void readings.refresh();
  await turns();
  const next = reopen();
  await readings.refresh();
  expect(next.asked).toEqual(["a.socket"]);
  source.asked.push("so that its answer differs");
  source.release();
  await turns();
  expect(shown()).toEqual({ "a.socket": 1 });
});

test("shows nothing of a stream that broke, or of a container that is paused", async () => {
  const { clock, readings, node } = rig("sockets");
  const broken = node("broken", "a.socket");
  const paused = node("paused", "a.socket");
  broken.source.fault = new Error("the peer ended the stream");
  paused.record.status = "paused";
  await readings.refresh();
  expect([broken.shown(), paused.shown()]).toEqual([{}, {}]);
  expect(paused.source.asked).toEqual([]);
  broken.source.fault = undefined;
  paused.record.status = "running";
  await clock.advance(5_000);
  await readings.refresh();
  expect([broken.shown(), paused.shown()]).toEqual([{ "a.socket": 2 }, { "a.socket": 1 }]);
});
