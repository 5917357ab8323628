import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { Event } from "../../src/domain/event.ts";
import { SystemdMonitor, systemdMonitorArgs } from "../../src/library/systemd-monitor.ts";

const UNIT = "org.freedesktop.systemd1.Unit";
const MUNGE = "/org/freedesktop/systemd1/unit/munge_2eservice";

function line(data: unknown, path = MUNGE): string {
  return JSON.stringify({
    type: "signal",
    endian: "l",
    flags: 1,
    version: 1,
    cookie: 516,
    "timestamp-realtime": 1_775_658_823_092_599,
    sender: ":1.1",
    path,
    interface: "org.freedesktop.DBus.Properties",
    member: "PropertiesChanged",
    payload: { type: "sa{sv}as", data },
  });
}

const state = (word: unknown): object => ({ ActiveState: { type: "s", data: word } });

async function run(
  text: string,
  monitor = new SystemdMonitor("controller", "sind-dev-controller"),
): Promise<Event[]> {
  return Array.fromAsync(monitor.run([`${text}\n`]));
}

test("emits an event when a unit becomes active", async () => {
  const properties = { ...state("active"), SubState: { type: "s", data: "running" } };
  const events = await run(line([UNIT, properties, ["Conditions", "Asserts"]]));
  expect(events).toStrictEqual([
    {
      kind: "unit.active",
      node: "controller",
      container: "sind-dev-controller",
      unit: "munge.service",
      timeNs: 1_775_658_823_092_599_000n,
      detail: "ActiveState=active",
    },
  ]);
});

test("emits an event when a unit fails", async () => {
  const monitor = new SystemdMonitor("worker-0", "sind-dev-worker-0");
  const [event] = await run(line([UNIT, state("failed"), []]), monitor);
  expect(event).toMatchObject({
    kind: "unit.failed",
    node: "worker-0",
    unit: "munge.service",
    detail: "ActiveState=failed",
  });
});

test("ignores properties of other types", async () => {
  const properties = {
    ...state("active"),
    ConditionResult: { type: "b", data: true },
    Job: { type: "(uo)", data: [0, "/"] },
    Odd: 7,
  };
  expect(await run(line([UNIT, properties, []]))).toHaveLength(1);
});

test.each([
  ["other interfaces", line(["org.freedesktop.systemd1.Service", state("active"), []])],
  ["a transient state", line([UNIT, state("activating"), []])],
  ["no ActiveState", line([UNIT, { SubState: { type: "s", data: "running" } }, []])],
  ["a number as the state", line([UNIT, state(42), []])],
  ["a state of another type", line([UNIT, { ActiveState: { type: "o", data: "active" } }, []])],
  ["other messages", '{"type":"method_call","path":"/foo","member":"Bar","payload":{"data":[]}}'],
])("skips %s", async (_, skipped) => {
  const monitor = new SystemdMonitor("controller", "sind-dev-controller");
  expect(await run(skipped, monitor)).toEqual([]);
  expect(monitor.parseErrors).toBe(0);
});

test.each([
  ["no JSON", "not json"],
  ["a text as the data", line("notanarray")],
  ["a number as the interface", line([42, {}, []])],
  ["a text as the properties", line([UNIT, "notamap", []])],
  ["a path that is no unit's", line([UNIT, state("active"), []], "/org/freedesktop/systemd1")],
])("counts and skips %s", async (_, bad) => {
  const monitor = new SystemdMonitor("controller", "sind-dev-controller");
  expect(await run(`${bad}\n${line([UNIT, state("active"), []])}`, monitor)).toHaveLength(1);
  expect(monitor.parseErrors).toBe(1);
});

test("emits the events of recorded output", async () => {
  const bytes = readFileSync(new URL("../fixtures/busctl/monitor.jsonl", import.meta.url));
  const monitor = new SystemdMonitor("node", "sind-fix-node");
  const events = await Array.fromAsync(monitor.run([bytes]));
  expect(events.map(({ kind, unit }) => `${kind} ${unit}`)).toEqual([
    "unit.active systemd-logind.service",
    "unit.active basic.target",
    "unit.active sysinit.target",
    "unit.active system.slice",
    "unit.active systemd-journald.socket",
    "unit.active munge.service",
    "unit.active munge.service",
    "unit.active system-crash\\x2dloop.slice",
    "unit.active crash-loop@a:b.service",
    "unit.active crash-loop@a:b.service",
    "unit.failed crash-loop@a:b.service",
    "unit.failed crash-loop@a:b.service",
    "unit.active one-shot.service",
  ]);
  expect(monitor.parseErrors).toBe(0);
});

test("builds arguments that run busctl in the container", () => {
  expect(systemdMonitorArgs("sind-dev-controller")).toEqual([
    "exec",
    "sind-dev-controller",
    "busctl",
    "monitor",
    "--watch-bind=yes",
    "--json=short",
    "--match",
    "type=signal,interface=org.freedesktop.DBus.Properties,member=PropertiesChanged,path_namespace=/org/freedesktop/systemd1",
    "org.freedesktop.systemd1",
  ]);
});
