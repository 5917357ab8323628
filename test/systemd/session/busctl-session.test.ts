import { expect, test } from "@jest/globals";
import { BusctlSession } from "../../../src/systemd/session/busctl-session.ts";
import { JournalRecovery } from "../../../src/systemd/session/journal-recovery.ts";
import { FakeBusctl } from "../../support/fake-busctl.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";
import { turns } from "../../support/turns.ts";

function started(wanted: readonly string[] = []) {
  const busctl = new FakeBusctl();
  const clock = new FakeClock();
  const sink = new RecordedSink(busctl.history);
  sink.wanted = [...wanted];
  const end = new AbortController();
  const faults: unknown[] = [];
  const session = new BusctlSession(sink.take, {
    runtime: busctl,
    container: "c0ffee",
    clock,
    journal: new JournalRecovery({ runtime: busctl, container: "c0ffee", clock }),
    signal: end.signal,
    failed: (error) => faults.push(error),
  });
  return { busctl, clock, sink, session, faults, end, history: busctl.history };
}

async function attached(wanted: readonly string[] = []) {
  const all = started(wanted);
  await all.session.attach();
  return { ...all, first: all.history.splice(0) };
}

function signal(
  member: string,
  data: readonly unknown[],
  { sentBy = "systemd1.Manager", us = 1_000 } = {},
): string {
  const payload = { type: "", data };
  return JSON.stringify({
    type: "signal",
    "timestamp-realtime": us,
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
  expect(history).toEqual(["ListUnits", "listed 0"]);
  session.line(signal("UnitNew", ["d", "/"]));
  session.line(signal("UnitNew", ["e", "/"]));
  await clock.advance(999);
  expect(history).toHaveLength(2);
  await clock.advance(1);
  expect(history).toEqual(["ListUnits", "listed 0", "ListUnits", "listed 0"]);
  await clock.advance(10_000);
  expect(history).toHaveLength(4);
  expect(clock.pendingTimers).toBe(0);
  end.abort();
  expect(faults).toEqual([]);
});

test("a unit that is new right after a listing is listed a second after that", async () => {
  const { session, clock, history } = await attached();
  session.line(signal("UnitNew", ["a.service", "/"]));
  await turns();
  session.line(signal("UnitNew", ["b.service", "/"]));
  await clock.advance(999);
  expect(history).toEqual(["ListUnits", "listed 0"]);
  await clock.advance(1);
  expect(history).toHaveLength(4);
});

test("a unit that is new while the first listing is on its way is listed after it", async () => {
  const { busctl, session, clock, history } = started();
  const units = Promise.withResolvers<{ stdout: string }>();
  busctl.units = units.promise;
  const attaching = session.attach();
  await turns();
  session.line(signal("UnitNew", ["b.service", "/"]));
  busctl.units = rowsOf("a.service", "b.service");
  units.resolve(rowsOf("a.service"));
  await attaching;
  await turns();
  expect(history.filter((line) => line.startsWith("listed"))).toEqual(["listed 1", "listed 2"]);
  await clock.advance(1_000);
  busctl.units = rowsOf("a.service");
  session.line(signal("UnitNew", ["c.service", "/"]));
  await turns();
  expect(history.at(-1)).toBe("listed 1");
});

test("nothing is listed before the journal has told what was missed", async () => {
  const { busctl, sink, session, history } = started();
  sink.sinceNs = 7n;
  const journal = Promise.withResolvers<{ stdout: string }>();
  busctl.journal = journal.promise;
  const attaching = session.attach();
  session.line(signal("UnitNew", ["a.service", "/"]));
  await turns();
  expect(history).not.toContain("ListUnits");
  journal.resolve({ stdout: "end 0\n" });
  await attaching;
  expect(history.filter((line) => /^recovered|^listed/.test(line))).toEqual([
    expect.stringMatching(/^recovered/),
    "listed 0",
  ]);
});

test("a listing that systemd's new run overtakes isn't told", async () => {
  const { busctl, sink, session, history } = await attached();
  const units = Promise.withResolvers<{ stdout: string }>();
  busctl.units = units.promise;
  session.line(signal("UnitNew", ["a.service", "/"]));
  await turns();
  sink.sinceNs = 7n;
  const journal = Promise.withResolvers<{ stdout: string }>();
  busctl.journal = journal.promise;
  session.line(
    signal("NameOwnerChanged", ["org.freedesktop.systemd1", "", ":1.9"], { sentBy: "DBus" }),
  );
  units.resolve(rowsOf("old.service"));
  await turns();
  expect(history.filter((line) => line.startsWith("listed"))).toEqual([]);
  busctl.units = rowsOf("a.service", "b.service");
  journal.resolve({ stdout: "end 0\n" });
  await turns();
  expect(history).toContain("listed 2");
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
  expect(history).toEqual(["ListUnits", "removed a.service", "listed 1"]);
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
  expect(history).toEqual(["ListUnits", "listed 0"]);
});

test("systemd that runs itself anew is attached to anew", async () => {
  const { session, history, first } = await attached();
  session.line(
    signal("NameOwnerChanged", ["org.freedesktop.systemd1", ":1.0", ""], { sentBy: "DBus" }),
  );
  await turns();
  expect(history).toEqual([]);
  session.line(
    signal("NameOwnerChanged", ["org.freedesktop.systemd1", "", ":1.9"], { sentBy: "DBus" }),
  );
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
  expect(faults.map(String)).toEqual(["Error: busctl call ListUnits failed: docker exec failed"]);
});

test("a time that can't be isn't taken: it is what a container says", async () => {
  const { busctl, session, sink, clock, history } = await attached(["a.service"]);
  const us = Number(clock.nowNs() / 1_000n) + 86_401_000_000;
  session.line(signal("UnitRemoved", ["a.service", "/"], { us }));
  const properties = [
    "org.freedesktop.systemd1.Unit",
    { ActiveState: { type: "s", data: "active" } },
    [],
  ];
  const sentBy = "DBus.Properties";
  session.line(signal("PropertiesChanged", properties, { sentBy, us }));
  expect(history).toEqual(["parse error"]);
  history.length = 0;
  busctl.units = rowsOf("a.service");
  busctl.facts = {
    stdout: "Id=a.service\nActiveEnterTimestamp=Sun 2226-11-22 11:23:31.713123 UTC\n",
  };
  session.line(signal("UnitNew", ["a.service", "/"]));
  await turns();
  expect(history).toContain("listed 1");
  expect([...sink.startTimes]).toEqual([]);
});
