import { expect, test } from "@jest/globals";
import { BusctlSession } from "../../src/sources/busctl-session.ts";
import { JournalRecovery } from "../../src/sources/journal-recovery.ts";
import { FakeBusctl } from "../support/fake-busctl.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { RecordedSink } from "../support/systemd/recorded-sink.ts";
import { turns } from "../support/turns.ts";

async function attached(wanted: readonly string[] = []) {
  const busctl = new FakeBusctl();
  const clock = new FakeClock();
  const sink = new RecordedSink(busctl.history);
  sink.wanted = [...wanted];
  const end = new AbortController();
  const faults: unknown[] = [];
  const session = new BusctlSession(sink, {
    runtime: busctl,
    container: "c0ffee",
    clock,
    journal: new JournalRecovery({ runtime: busctl, container: "c0ffee", clock }),
    signal: end.signal,
    failed: (error) => faults.push(error),
  });
  await session.attach();
  const history = busctl.history.splice(0);
  return { busctl, clock, sink, session, faults, end, first: history, history: busctl.history };
}

function signal(member: string, data: readonly unknown[], sentBy = "systemd1.Manager"): string {
  const payload = { type: "", data };
  return JSON.stringify({
    type: "signal",
    "timestamp-realtime": 1_000,
    path: "/",
    interface: `org.freedesktop.${sentBy}`,
    member,
    payload,
  });
}

const rowsOf = (...names: readonly string[]) => ({
  stdout: JSON.stringify({
    data: [names.map((name) => [name, "", "loaded", "active", "running"])],
  }),
});

test("a unit that is unloaded is told", async () => {
  const { session, history } = await attached();
  session.line(signal("UnitRemoved", ["a.service", "/"]));
  expect(history).toEqual(["removed a.service"]);
});

test("new units are listed, once a second however many there are", async () => {
  const { session, clock, history, faults, end } = await attached();
  for (const name of ["a", "b", "c"]) session.line(signal("UnitNew", [name, "/"]));
  await turns();
  expect(history).toEqual(["ListUnits", "snapshot 0"]);
  session.line(signal("UnitNew", ["d", "/"]));
  session.line(signal("UnitNew", ["e", "/"]));
  await clock.advance(999);
  expect(history).toHaveLength(2);
  await clock.advance(1);
  expect(history).toEqual(["ListUnits", "snapshot 0", "ListUnits", "snapshot 0"]);
  await clock.advance(10_000);
  expect(history).toHaveLength(4);
  expect(clock.pendingTimers).toBe(0);
  end.abort();
  expect(faults).toEqual([]);
});

test("a unit that goes while units are listed is not among them", async () => {
  const { session, busctl, sink, history } = await attached();
  const units = Promise.withResolvers<{ stdout: string }>();
  busctl.units = units.promise;
  session.line(signal("UnitNew", ["a.service", "/"]));
  await turns();
  session.line(signal("UnitRemoved", ["a.service", "/"]));
  units.resolve(rowsOf("a.service", "b.service"));
  await turns();
  expect(history).toEqual(["ListUnits", "removed a.service", "snapshot 1"]);
  expect([...sink.rows.keys()]).toEqual(["b.service"]);
});

test("a reload is silence, and then a listing", async () => {
  const { session, history } = await attached();
  session.line(signal("Reloading", [true]));
  session.line(signal("UnitRemoved", ["a.service", "/"]));
  session.line(signal("UnitNew", ["a.service", "/"]));
  await turns();
  expect(history).toEqual([]);
  session.line(signal("Reloading", [false]));
  await turns();
  expect(history).toEqual(["ListUnits", "snapshot 0"]);
});

test("systemd that runs itself anew is attached to anew", async () => {
  const { session, history, first } = await attached();
  session.line(signal("NameOwnerChanged", ["org.freedesktop.systemd1", ":1.0", ""], "DBus"));
  await turns();
  expect(history).toEqual([]);
  session.line(signal("NameOwnerChanged", ["org.freedesktop.systemd1", "", ":1.9"], "DBus"));
  await turns();
  expect(history).toEqual(first);
});

test("when startup has finished, systemd is asked about itself again", async () => {
  const { session, history } = await attached();
  session.line(signal("StartupFinished", [1, 2, 3, 4, 5, 6]));
  await turns();
  expect(history).toEqual(["SystemState", "manager 252 running"]);
});

test("start times are asked of systemctl, all at once", async () => {
  const { busctl, sink, first } = await attached(["a.service", "b.service"]);
  expect(first).toContain("b.service");
  expect(busctl.commands.find(([command]) => command === "systemctl")).toEqual([
    "systemctl",
    "show",
    "--timestamp=us+utc",
    "--property=Id,ActiveEnterTimestamp",
    "--",
    "a.service",
    "b.service",
  ]);
  expect(sink.startTimes.size).toBe(0);
});

test("what fails because of a signal is a fault of the stream", async () => {
  const { session, busctl, faults } = await attached();
  busctl.units = new Error("docker exec failed");
  session.line(signal("UnitNew", ["a.service", "/"]));
  await turns();
  expect(faults.map(String)).toEqual(["Error: docker exec failed"]);
});
