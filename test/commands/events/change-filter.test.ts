import { expect, test } from "@jest/globals";
import { changeFilter } from "../../../src/commands/events/change-filter.ts";
import type { ChangeFilterOptions } from "../../../src/commands/events/change-filter.ts";
import { containerChange, monitorChange, systemChange, unitChange } from "../../support/changes.ts";
import { idOf } from "../../support/engine-facts.ts";

const filter = (options: Partial<ChangeFilterOptions>) =>
  changeFilter({ containers: [], units: [], kinds: [], ...options });

const FAILED = unitChange("unit.failed");
const START = containerChange("container.start");
const LOST = monitorChange("monitor.lost", { identity: undefined, container: "" });
const ALL = [FAILED, START, systemChange("running"), monitorChange("monitor.error"), LOST];

test("matches everything when no filter is set", () => {
  expect(ALL.filter(filter({}).matches)).toEqual(ALL);
});

test.each([
  ["sind-dev-worker-0", true],
  ["sind-dev-*", true],
  ["*worker?0", true],
  ["sind-dev", false],
  ["sind-dev-worker-?0", false],
  ["sind.dev.worker.0", false],
  [idOf("sind-dev-worker-0"), true],
  [idOf("sind-dev-worker-0").slice(0, 12), true],
  [idOf("sind-dev-worker-0").slice(0, 11), false],
])("matches the container by %s: %p", (container, isMeant) => {
  const { matches } = filter({ containers: ["other", container] });
  expect(ALL.map(matches)).toEqual([isMeant, isMeant, isMeant, isMeant, false]);
});

test.each([
  ["slurmd.service", true],
  ["slurm*", true],
  ["slurm?.service", true],
  ["*", true],
  ["slurm.*", false],
  ["lurmd.service", false],
])("matches the unit by %s: %p", (unit, isMeant) => {
  const { matches } = filter({ units: ["other.service", unit] });
  expect(ALL.map(matches)).toEqual([isMeant, false, false, false, false]);
});

test("matches special characters of regular expressions literally", () => {
  const odd = String.raw`a\x2db@\x22(x)+\x22.service`;
  const { matches } = filter({ units: [odd] });
  expect(matches(unitChange("unit.active", { unit: odd }))).toBe(true);
  expect(matches(unitChange("unit.active", { unit: odd.replace("+", "++") }))).toBe(false);
});

test("matches only when every filter matches", () => {
  const options = { containers: ["sind-*"], units: ["slurmd*"], kinds: ["unit.failed"] } as const;
  expect(ALL.filter(filter(options).matches)).toEqual([FAILED]);
  expect(ALL.filter(filter({ ...options, kinds: ["unit.active"] }).matches)).toEqual([]);
});

test("needs systemd only when a kind of units or systemd can match", () => {
  expect(filter({}).needsSystemd).toBe(true);
  expect(filter({ kinds: ["container.die", "container.start"] }).needsSystemd).toBe(false);
  for (const kind of ["unit.failed", "system.state", "monitor.lost"] as const) {
    expect(filter({ kinds: ["container.die", kind] }).needsSystemd).toBe(true);
  }
});

test("matches a unit by another name that it has at the moment of the change", () => {
  let aliases: readonly string[] = ["nick.service"];
  const { matches, unitNames } = filter({
    units: ["nick.service", "old*"],
    aliasesOf: ({ unit }) => (unit === "slurmd.service" ? aliases : []),
  });
  expect(ALL.map(matches)).toEqual([true, false, false, false, false]);
  aliases = [];
  expect(ALL.map(matches)).toEqual([false, false, false, false, false]);
  expect(unitNames).toEqual(["nick.service"]);
});
