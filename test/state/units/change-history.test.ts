import { expect, test } from "@jest/globals";
import type { UnitChange } from "../../../src/domain/change.ts";
import { ChangeHistory, MAX_TRACKS } from "../../../src/state/units/change-history.ts";
import type { History } from "../../../src/state/units/change-history.ts";
import { MAX_ENTRIES } from "../../../src/state/units/change-track.ts";
import { containerChange, dieChange, systemChange, unitChange } from "../../support/changes.ts";

const SECOND_NS = 1_000_000_000n;
const MINUTE_NS = 60n * SECOND_NS;
const { identity } = unitChange("unit.failed");
const { id } = identity;

/** A history that began now, and its clock. */
function emptyHistory() {
  const clock = { nowNs: 1_800_000_000n * SECOND_NS };
  const history = new ChangeHistory(() => clock.nowNs);
  const add = (kind: UnitChange["kind"], more: Partial<UnitChange> = {}): void =>
    history.add(unitChange(kind, { unit: "a.service", timeNs: clock.nowNs, ...more }));
  return { clock, history, add };
}

const shown = ({ changes }: History): unknown[] =>
  changes.map(({ kind, unit, count }) => [kind, unit, count]);
const total = ({ changes }: History): number => changes.reduce((sum, { count }) => sum + count, 0);

test("has the changes of the last hour of each unit", () => {
  const { clock, history, add } = emptyHistory();
  const beganNs = clock.nowNs;
  add("unit.active", { activeState: "active", previousState: "inactive" });
  clock.nowNs += 59n * MINUTE_NS;
  const failed = { activeState: "failed", previousState: "active", result: "signal" } as const;
  add("unit.failed", failed);
  add("unit.active", { unit: "b.service" });
  expect(history.ofUnit(id, "a.service")).toEqual({
    sinceNs: beganNs,
    changes: [
      expect.objectContaining({ kind: "unit.active", firstNs: beganNs, previousState: "inactive" }),
      {
        kind: "unit.failed",
        unit: "a.service",
        count: 1,
        firstNs: clock.nowNs,
        lastNs: clock.nowNs,
        previousState: "active",
        state: "failed",
        result: "signal",
      },
    ],
  });
  clock.nowNs += MINUTE_NS;
  const later = history.ofUnit(id, "a.service");
  expect(shown(later)).toEqual([["unit.failed", "a.service", 1]]);
  expect(later.sinceNs).toBe(clock.nowNs - 60n * MINUTE_NS);
  expect(history.ofUnit(id, "c.service")).toEqual({ sinceNs: later.sinceNs, changes: [] });
});

test("has in a node's history its own states, and the failures and restarts of its units", () => {
  const { clock, history, add } = emptyHistory();
  const { nowNs: timeNs } = clock;
  history.add(containerChange("container.start", { timeNs }));
  history.add({ ...systemChange("degraded", "running"), timeNs });
  add("unit.active");
  add("unit.failed");
  add("unit.restart");
  history.add(dieChange(137, { timeNs }));
  const { changes } = history.ofNode(id);
  expect(changes.map(({ kind, state, result }) => [kind, state, result])).toEqual([
    ["container.start", "running", undefined],
    ["system.state", "degraded", undefined],
    ["unit.failed", undefined, undefined],
    ["unit.restart", undefined, undefined],
    ["container.die", "exited", "137"],
  ]);
});

test("counts changes of a second that are the same as one entry", () => {
  const { clock, history, add } = emptyHistory();
  const beganNs = clock.nowNs;
  for (let at = 0; at < 500; at += 1) {
    clock.nowNs += SECOND_NS / 500n;
    add("unit.failed", { result: "signal" });
    add("unit.restart");
  }
  const { changes } = history.ofUnit(id, "a.service");
  expect(changes.map(({ kind, count }) => [kind, count])).toEqual([
    ["unit.failed", 500],
    ["unit.restart", 500],
  ]);
  expect(changes[0]).toMatchObject({ firstNs: beganNs + SECOND_NS / 500n, lastNs: clock.nowNs });
});

test("keeps exact counts and few entries over an hour of a crash loop", () => {
  const { clock, history, add } = emptyHistory();
  for (let at = 0; at < 3_500; at += 1) {
    clock.nowNs += SECOND_NS + 1n;
    add("unit.failed", { result: `exit-${at % 3}` });
  }
  const unit = history.ofUnit(id, "a.service");
  expect(unit.changes).toHaveLength(MAX_ENTRIES);
  expect(total(unit)).toBe(3_500);
  expect(unit.changes.some(({ lastNs }) => lastNs === clock.nowNs)).toBe(true);
  expect(total(history.ofNode(id))).toBe(3_500);
});

test("joins failures of several units of a node, without their names", () => {
  const { clock, history, add } = emptyHistory();
  for (let at = 0; at <= MAX_ENTRIES; at += 1) {
    clock.nowNs += 1n;
    add("unit.failed", { unit: `${at}.service` });
  }
  const { changes } = history.ofNode(id);
  expect(changes).toHaveLength(MAX_ENTRIES);
  expect(changes.filter(({ unit }) => unit === "")).toMatchObject([{ count: 2 }]);
});

test("orders what was missed by its time, and takes no time for later than now", () => {
  const { clock, history, add } = emptyHistory();
  add("unit.active");
  add("unit.failed", { timeNs: clock.nowNs - MINUTE_NS, recovered: true });
  add("unit.restart", { timeNs: clock.nowNs + 10n ** 18n });
  add("unit.inactive", { timeNs: clock.nowNs - 60n * MINUTE_NS });
  const { changes } = history.ofUnit(id, "a.service");
  expect(changes.map(({ kind }) => kind)).toEqual(["unit.failed", "unit.active", "unit.restart"]);
  expect(changes.at(-1)?.lastNs).toBe(clock.nowNs);
});

test("has what else changed in the node in the minute around a failure", () => {
  const { clock, history, add } = emptyHistory();
  add("unit.inactive", { unit: "long-before.service" });
  clock.nowNs += 31n * SECOND_NS;
  add("unit.inactive", { unit: "db.service" });
  history.add({ ...systemChange("degraded"), timeNs: clock.nowNs });
  clock.nowNs += 10n * SECOND_NS;
  add("unit.failed");
  const failedNs = clock.nowNs;
  clock.nowNs += 30n * SECOND_NS;
  add("unit.active", { unit: "after.service" });
  history.add(
    unitChange("unit.active", { timeNs: failedNs, identity: { ...identity, id: "other" } }),
  );
  const around = history.around(id, "a.service", failedNs);
  expect(around.map(({ kind, unit }) => [kind, unit])).toEqual([
    ["system.state", ""],
    ["unit.inactive", "db.service"],
    ["unit.active", "after.service"],
  ]);
});

test("forgets a container that is removed", () => {
  const { history, add } = emptyHistory();
  add("unit.failed");
  history.add(containerChange("container.destroy"));
  expect(history.ofUnit(id, "a.service").changes).toEqual([]);
  expect(history.ofNode(id).changes).toEqual([]);
});

test("evicts the units that changed longest ago, and says from when on all is known", () => {
  const { clock, history, add } = emptyHistory();
  const beganNs = clock.nowNs;
  // The container itself has a track too.
  for (let at = 0; at < MAX_TRACKS; at += 1) {
    clock.nowNs += 1n;
    add("unit.active", { unit: `${at}.service` });
  }
  expect(history.ofUnit(id, "0.service")).toEqual({ sinceNs: beganNs + 1n, changes: [] });
  const kept = history.ofUnit(id, "1.service");
  expect([kept.sinceNs, kept.changes.length]).toEqual([beganNs, 1]);
});

test("keeps the number of all changes bounded", () => {
  const { clock, history, add } = emptyHistory();
  for (let unit = 0; unit < 520; unit += 1) {
    for (let at = 0; at < MAX_ENTRIES; at += 1) {
      clock.nowNs += SECOND_NS / 1_000n;
      add("unit.active", { unit: `${unit}.service`, activeState: undefined, result: `${at}` });
    }
  }
  let changes = 0;
  for (let unit = 0; unit < 520; unit += 1) {
    changes += history.ofUnit(id, `${unit}.service`).changes.length;
  }
  expect(changes).toBe(32_768);
});
