import { expect, test } from "@jest/globals";
import type { UnitIds } from "../../../src/domain/systemd.ts";
import { UnitNames } from "../../../src/state/units/unit-names.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import { unitRow, unitSignal } from "../../support/systemd-facts.ts";

const ids = (entries: Readonly<Record<string, string | undefined>>): UnitIds =>
  new Map(Object.entries(entries));

test("distinguishes an alias, an Id, a unit that isn't loaded and an unknown name", () => {
  const names = new UnitNames(["bus.service", "broker.service", "none.service", "odd.service"]);
  expect(names.isKnown("bus.service")).toBe(false);
  const broker = "broker.service";
  names.resolved(ids({ "bus.service": broker, [broker]: broker, "none.service": undefined }));
  expect(names.wanted.map((name) => [names.isKnown(name), names.idOf(name)])).toEqual([
    [true, broker],
    [true, broker],
    [true, "none.service"],
    [false, "odd.service"],
  ]);
  expect(names.aliasesOf(broker)).toEqual(["bus.service"]);
  expect(names.aliasesOf("none.service")).toEqual([]);
});

/** A systemd of which only these names are shown, with a unit that they may stand for. */
function named(...wanted: readonly string[]) {
  const { fleet, changes, refused, happens } = recordedFleet({ shown: () => false, names: wanted });
  const systemd = happens("start", "node")?.systemd;
  if (systemd === undefined) throw new Error("no container");
  let nowNs = 10n ** 9n;
  const reply = systemd.take({ kind: "attached", transport: "dbus", atNs: nowNs });
  systemd.take({ kind: "recovered", entries: [] });
  const rows = [unitRow("old.service", "active", "running")];
  return {
    fleet,
    refused,
    reply,
    list: (now: UnitIds) => systemd.take({ kind: "listed", rows, asOfNs: nowNs, ids: now }),
    loaded: (now: UnitIds) => systemd.take({ kind: "loaded", rows: [], ids: now }),
    enters: (unit: string, activeState: "active" | "failed" | "inactive"): void => {
      nowNs += 1n;
      const times = { stateChangeNs: nowNs, timeNs: nowNs };
      systemd.take(unitSignal({ unit, activeState, subState: "", ...times }));
    },
    takeChanges: () =>
      changes
        .splice(0)
        .filter(({ unit }) => unit !== "")
        .map(({ kind, unit }) => `${kind} ${unit}`),
  };
}

test("requests the names with the attach", () => {
  expect(named("nick.service").reply).toMatchObject({ unitNames: ["nick.service"] });
  expect(named().reply).not.toHaveProperty("unitNames");
});

test("emits changes of the unit that an alias stands for, also when the alias moves", () => {
  const { list, loaded, enters, takeChanges } = named("nick.service");
  list(ids({ "nick.service": "old.service" }));
  enters("new.service", "active");
  enters("old.service", "failed");
  expect(takeChanges()).toEqual(["unit.failed old.service"]);
  loaded(ids({ "nick.service": "new.service" }));
  enters("old.service", "active");
  enters("new.service", "failed");
  expect(takeChanges()).toEqual(["unit.failed new.service"]);
});

test("holds the changes of a unit that was just loaded until names are resolved", () => {
  const { list, loaded, enters, takeChanges } = named("nick.service");
  list(ids({ "nick.service": undefined }));
  enters("old.service", "failed");
  enters("nicked.service", "active");
  enters("other.service", "active");
  enters("nicked.service", "failed");
  expect(takeChanges()).toEqual([]);
  loaded(ids({ "nick.service": "nicked.service" }));
  expect(takeChanges()).toEqual(["unit.active nicked.service", "unit.failed nicked.service"]);
  enters("nicked.service", "inactive");
  expect(takeChanges()).toEqual(["unit.inactive nicked.service"]);
});

test("bounds the changes that it holds", () => {
  const { list, loaded, enters, takeChanges, refused } = named("nick.service");
  list(ids({ "nick.service": undefined }));
  for (let i = 0; i < 600; i += 1) {
    enters("nicked.service", "active");
    enters("nicked.service", "failed");
  }
  expect(new Set(refused)).toEqual(new Set(["unit_names"]));
  expect(refused).toHaveLength(200);
  loaded(ids({ "nick.service": "nicked.service" }));
  expect(takeChanges()).toHaveLength(1_000);
});
