import { expect, test } from "@jest/globals";
import { findingsOf } from "../../../src/commands/wait/findings.ts";
import type { Missing } from "../../../src/commands/wait/findings.ts";
import type { ActiveState } from "../../../src/domain/unit.ts";
import type { WaitGoal } from "../../../src/domain/wait-goal.ts";
import { idOf } from "../../support/engine-facts.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import { active, failed, NOTHING, WaitedFleet } from "../../support/waited-fleet.ts";

function missingIn(fleet: WaitedFleet, goal: Partial<WaitGoal>): readonly string[] {
  return findingsOf({ ...NOTHING, ...goal }, fleet.view).missing.map(line);
}

const metIn = (fleet: WaitedFleet, goal: Partial<WaitGoal>): readonly string[] =>
  findingsOf({ ...NOTHING, ...goal }, fleet.view).met.map(
    ({ container, texts }) => `${container}: ${texts.join(", ")}`,
  );

const line = ({ container, text, isFinal }: Missing): string =>
  `${container}: ${text}${isFinal ? " (final)" : ""}`;

const A = { containers: ["a"] };
const isActive = (unit: string): Partial<WaitGoal> => ({
  ...A,
  units: [{ unit, states: ["active"] }],
});

test("requires the container to run, and reports its status when it does not", () => {
  const fleet = new WaitedFleet();
  expect(missingIn(fleet, A)).toEqual(["a: no such container yet"]);
  fleet.happens("create", "a");
  expect(missingIn(fleet, A)).toEqual(["a: was created, and not started yet"]);
  fleet.happens("start", "a");
  expect(missingIn(fleet, A)).toEqual([]);
  fleet.happens("pause", "a");
  expect(missingIn(fleet, A)).toEqual(["a: is paused"]);
  fleet.happens("unpause", "a");
  fleet.happens("die", "a", { exitCode: "3" });
  expect(missingIn(fleet, A)).toEqual(["a: exited with code 3 (final)"]);
  const life = { startedAtNs: 500n, finishedAtNs: fleet.clock.nowNs() };
  fleet.inspected("a", { ...life, status: "restarting", exitCode: 3 });
  expect(missingIn(fleet, A)).toEqual(["a: exited with code 3, and is to be restarted"]);
  fleet.happens("destroy", "a");
  expect(missingIn(fleet, A)).toEqual(["a: was removed (final)"]);
  fleet.happens("create", "a", { id: idOf("another") });
  expect(missingIn(fleet, A)).toEqual(["a: was created, and not started yet"]);
});

test("reports a first start that failed, which is final", () => {
  const fleet = new WaitedFleet();
  fleet.happens("create", "a");
  fleet.inspected("a", { status: "created", startedAtNs: 0n, exitCode: 127 });
  expect(missingIn(fleet, A)).toEqual(["a: failed to start with code 127 (final)"]);
  fleet.happens("start", "a");
  expect(missingIn(fleet, A)).toEqual([]);
});

test("reports the other conditions as unknown when the container does not run", () => {
  const fleet = new WaitedFleet();
  expect(
    missingIn(fleet, {
      ...isActive("b.service"),
      system: ["running", "degraded"],
      health: ["healthy"],
    }),
  ).toEqual([
    "a: no such container yet",
    "a: health isn't known, expected healthy",
    "a: b.service isn't known, expected active",
    "a: systemd isn't known, expected running or degraded",
  ]);
});

test("finds a container by its id, but not by a prefix that can be a name", () => {
  const fleet = new WaitedFleet();
  const { identity } = fleet.inspected("dead");
  expect(missingIn(fleet, { containers: [identity.id, identity.id.slice(0, 12)] })).toEqual([]);
  expect(missingIn(fleet, { containers: [identity.id.slice(0, 4)] })).toHaveLength(1);
});

test("mentions the filters when the container is unknown", () => {
  expect(missingIn(new WaitedFleet(true), A)).toEqual([
    "a: no such container yet, or the filters exclude it",
  ]);
});

test("reports a container once when it is named twice", () => {
  expect(missingIn(new WaitedFleet(), { containers: ["a", "a"] })).toHaveLength(1);
});

test("requires all containers, and at least one, when none is named", () => {
  const fleet = new WaitedFleet();
  expect(missingIn(fleet, {})).toEqual([": no container matches the filters yet"]);
  fleet.inspected("a");
  fleet.inspected("b", { status: "exited", finishedAtNs: 600n, exitCode: 1 });
  expect(missingIn(fleet, {})).toEqual(["b: exited with code 1 (final)"]);
  fleet.happens("destroy", "b");
  expect(missingIn(fleet, {})).toEqual([]);
});

test("reports the health of the health check", () => {
  const fleet = new WaitedFleet();
  const goal: Partial<WaitGoal> = { ...A, health: ["healthy"] };
  fleet.inspected("a");
  expect(missingIn(fleet, goal)).toEqual(["a: has no health check, expected healthy (final)"]);
  fleet.happens("health_status: starting", "a");
  expect(missingIn(fleet, goal)).toEqual(["a: is starting, expected healthy"]);
  fleet.happens("health_status: unhealthy", "a");
  expect(missingIn(fleet, goal)).toEqual(["a: is unhealthy, expected healthy (final)"]);
  expect(missingIn(fleet, { ...A, health: ["healthy", "unhealthy"] })).toEqual([]);
  fleet.happens("health_status: healthy", "a");
  expect(missingIn(fleet, goal)).toEqual([]);
});

test("reports health as unknown when the container has just started", () => {
  const fleet = new WaitedFleet();
  const goal: Partial<WaitGoal> = { ...A, health: ["healthy"] };
  const unknown = ["a: health isn't known, expected healthy"];
  fleet.happens("create", "a");
  fleet.happens("start", "a");
  expect(missingIn(fleet, goal)).toEqual(unknown);
  fleet.inspected("a", { health: "starting" });
  expect(missingIn(fleet, goal)).toEqual(["a: is starting, expected healthy"]);
  fleet.happens("die", "a", { exitCode: "1" });
  fleet.happens("start", "a");
  expect(missingIn(fleet, goal)).toEqual(unknown);
});

test("reports a unit as inactive when it is not loaded", () => {
  const fleet = new WaitedFleet();
  const node = fleet.node("a", [
    active("on.service"),
    unitRow("up.service", "activating", "start"),
  ]);
  expect(missingIn(fleet, isActive("on.service"))).toEqual([]);
  expect(missingIn(fleet, isActive("up.service"))).toEqual([
    "a: up.service is activating (start), expected active",
  ]);
  expect(missingIn(fleet, isActive("off.service"))).toEqual([
    "a: off.service isn't loaded, expected active",
  ]);
  expect(
    missingIn(fleet, { ...A, units: [{ unit: "off.service", states: ["inactive"] }] }),
  ).toEqual([]);
  fleet.unit(node, failed("on.service"), "exit-code");
  expect(missingIn(fleet, isActive("on.service"))).toEqual([
    "a: on.service is failed (exit-code), expected active (final)",
  ]);
  expect(
    missingIn(fleet, { ...A, units: [{ unit: "on.service", states: ["active", "failed"] }] }),
  ).toEqual([]);
});

test("names failed units when systemd is degraded", () => {
  const fleet = new WaitedFleet();
  const goal: Partial<WaitGoal> = { ...A, system: ["running"] };
  const node = fleet.node("a", [active("1.service")], "starting");
  expect(missingIn(fleet, goal)).toEqual(["a: systemd is starting, expected running"]);
  node.systemd.take({ kind: "manager", systemState: "running", timeNs: 1n });
  expect(missingIn(fleet, goal)).toEqual([]);
  for (const unit of ["1", "2", "3", "4", "5"]) fleet.unit(node, failed(`${unit}.service`));
  expect(missingIn(fleet, goal)).toEqual([
    "a: systemd is degraded: 1.service, 2.service, 3.service and 2 more failed, expected running (final)",
  ]);
  expect(missingIn(fleet, { ...A, system: ["running", "degraded"] })).toEqual([]);
});

test("reports units as out of reach when the container has no systemd", () => {
  const fleet = new WaitedFleet();
  fleet.inspected("a", { runsSystemd: false });
  expect(missingIn(fleet, { ...isActive("b.service"), system: ["running"] })).toEqual([
    "a: b.service: the container doesn't run systemd, expected active (final)",
    "a: systemd: the container doesn't run systemd, expected running (final)",
  ]);
});

test("reports units as unknown before a listing, after a gap and after a restart", () => {
  const fleet = new WaitedFleet();
  const goal = isActive("b.service");
  const unknown = ["a: b.service: systemd doesn't answer yet, expected active"];
  const node = fleet.inspected("a", { runsSystemd: true });
  expect(missingIn(fleet, goal)).toEqual(unknown);
  fleet.listed(node, [active("b.service")]);
  expect(missingIn(fleet, goal)).toEqual([]);
  node.systemd.take({ kind: "attached", transport: "dbus", atNs: fleet.clock.nowNs() + 1n });
  expect(missingIn(fleet, goal)).toEqual(unknown);
  fleet.listed(node, [active("b.service")]);
  expect(missingIn(fleet, goal)).toEqual([]);
  node.systemd.lost();
  expect(missingIn(fleet, goal)).toEqual(unknown);
});

test("reports why the systemd watch fails until it is restored", () => {
  const fleet = new WaitedFleet();
  const { identity } = fleet.inspected("a", { runsSystemd: true });
  const change = {
    node: "a",
    container: "a",
    unit: "",
    timeNs: 1n,
    identity,
    recovered: false,
  } as const;
  fleet.changed({ ...change, kind: "monitor.error", detail: "systemd unavailable: no bus" });
  expect(missingIn(fleet, isActive("b.service"))).toEqual([
    "a: b.service: not known: systemd unavailable: no bus, expected active",
  ]);
  fleet.changed({ ...change, kind: "monitor.recovered", detail: "" });
  expect(missingIn(fleet, isActive("b.service"))).toEqual([
    "a: b.service: systemd doesn't answer yet, expected active",
  ]);
});

test("reports the conditions that hold", () => {
  const fleet = new WaitedFleet();
  fleet.node("a", [active("b.service")]);
  fleet.happens("health_status: healthy", "a");
  const goal: WaitGoal = {
    containers: ["a"],
    host: "none",
    units: [
      { unit: "b.service", states: ["active"] },
      { unit: "c.service", states: ["inactive"] },
    ],
    system: ["running"],
    health: ["healthy"],
  };
  expect(findingsOf(goal, fleet.view)).toEqual({
    missing: [],
    met: [
      {
        container: "a",
        texts: [
          "runs",
          "is healthy",
          "b.service is active",
          "c.service is inactive",
          "systemd is running",
        ],
      },
    ],
  });
});

const BROKER = active("dbus-broker.service");

/** A node in which these names were resolved; undefined: no such unit is loaded. */
function namedNode(ids: Readonly<Record<string, string | undefined>>) {
  const names = ["dbus.service", "none.service"];
  const fleet = new WaitedFleet(false, names);
  const node = fleet.node("a", [BROKER], "running");
  const resolve = (next: Readonly<Record<string, string | undefined>>): void => {
    const now = new Map(Object.entries(next));
    node.systemd.take({ kind: "listed", rows: [BROKER], asOfNs: fleet.clock.nowNs(), ids: now });
  };
  resolve(ids);
  return { fleet, node, resolve };
}

const is = (unit: string, state: ActiveState): Partial<WaitGoal> => ({
  ...A,
  units: [{ unit, states: [state] }],
});

test("follows an alias to its unit, and shows both names", () => {
  const { fleet, node } = namedNode({ "dbus.service": "dbus-broker.service" });
  expect(missingIn(fleet, is("dbus.service", "inactive"))).toEqual([
    "a: dbus.service (dbus-broker.service) is active (running), expected inactive",
  ]);
  expect(metIn(fleet, is("dbus.service", "active"))).toEqual([
    "a: runs, dbus.service (dbus-broker.service) is active",
  ]);
  fleet.unit(node, failed("dbus-broker.service"), "signal");
  expect(missingIn(fleet, is("dbus.service", "active"))).toEqual([
    "a: dbus.service (dbus-broker.service) is failed (signal), expected active (final)",
  ]);
});

test("takes a name for a unit that isn't loaded only when systemd said so", () => {
  const { fleet, resolve } = namedNode({});
  expect(missingIn(fleet, is("dbus.service", "inactive"))).toEqual([
    "a: dbus.service isn't known yet, expected inactive",
  ]);
  resolve({ "dbus.service": undefined });
  expect(metIn(fleet, is("dbus.service", "inactive"))).toEqual([
    "a: runs, dbus.service is inactive",
  ]);
  expect(missingIn(fleet, is("dbus.service", "active"))).toEqual([
    "a: dbus.service isn't loaded, expected active",
  ]);
  resolve({ "dbus.service": "dbus-broker.service" });
  expect(missingIn(fleet, is("dbus.service", "inactive"))).toHaveLength(1);
});

test("publishes the changes of an alias's unit, and of no other hidden one", () => {
  const { fleet, node } = namedNode({ "dbus.service": "dbus-broker.service" });
  fleet.changes.length = 0;
  fleet.unit(node, unitRow("other.service", "active", "running"));
  fleet.unit(node, failed("dbus-broker.service"), "signal");
  expect(fleet.changes.map(({ unit, kind }) => `${kind} ${unit}`)).toEqual([
    "unit.failed dbus-broker.service",
    "system.state ",
  ]);
});
