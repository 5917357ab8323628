import { expect, test } from "@jest/globals";
import {
  LISTENING,
  rowsOf,
  signalLine,
  standingBusctl,
  watchBusctl,
} from "../../support/systemd/watched-busctl.ts";
import { turns } from "../../support/turns.ts";

test("lists once a second when many units are new", async () => {
  const { say, clock, history, done, end } = await standingBusctl();
  await say(...["a", "b", "c"].map((name) => signalLine("UnitNew", [name, "/"])));
  expect(history).toEqual(["ListUnits", "listed 0"]);
  await say(signalLine("UnitNew", ["d", "/"]), signalLine("UnitNew", ["e", "/"]));
  await clock.advance(999);
  expect(history).toHaveLength(2);
  await clock.advance(1);
  expect(history).toEqual(["ListUnits", "listed 0", "ListUnits", "listed 0"]);
  await clock.advance(10_000);
  expect(history).toHaveLength(4);
  end.abort();
  expect(await done).toBe("");
  expect(clock.pendingTimers).toBe(0);
});

test("lists a second later when a unit is new right after a listing", async () => {
  const { say, clock, history } = await standingBusctl();
  await say(signalLine("UnitNew", ["a.service", "/"]));
  await say(signalLine("UnitNew", ["b.service", "/"]));
  await clock.advance(999);
  expect(history).toEqual(["ListUnits", "listed 0"]);
  await clock.advance(1);
  expect(history).toHaveLength(4);
});

test("lists again when a unit is new during the first listing", async () => {
  const units = Promise.withResolvers<{ stdout: string }>();
  const { busctl, say, clock, history } = await watchBusctl({
    prepare: (fake) => void (fake.units = units.promise),
  });
  await say(LISTENING);
  await say(signalLine("UnitNew", ["b.service", "/"]));
  busctl.units = rowsOf("a.service", "b.service");
  units.resolve(rowsOf("a.service"));
  await turns();
  expect(history.filter((line) => line.startsWith("listed"))).toEqual(["listed 1", "listed 2"]);
  await clock.advance(1_000);
  busctl.units = rowsOf("a.service");
  await say(signalLine("UnitNew", ["c.service", "/"]));
  expect(history.at(-1)).toBe("listed 1");
});

test("reads all start times by one systemctl", async () => {
  const { busctl, sink, first } = await standingBusctl({
    sink: (recorded) => void (recorded.wanted = ["a.service", "b.service"]),
  });
  expect(first).toContain("b.service");
  expect(busctl.commands.find((command) => command.includes("systemctl"))?.slice(4)).toEqual([
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

test("ends the stream when a later listing fails", async () => {
  const { say, busctl, done } = await standingBusctl();
  busctl.units = new Error("docker exec failed");
  await say(signalLine("UnitNew", ["a.service", "/"]));
  expect(await done).toBe("busctl call ListUnits failed: docker exec failed");
});

test("ignores times that can't be, since a container can claim any", async () => {
  const { busctl, say, sink, clock, history } = await standingBusctl({
    sink: (recorded) => void (recorded.wanted = ["a.service"]),
  });
  const us = Number(clock.nowNs() / 1_000n) + 86_401_000_000;
  const properties = [
    "org.freedesktop.systemd1.Unit",
    { ActiveState: { type: "s", data: "active" } },
    [],
  ];
  await say(
    signalLine("UnitRemoved", ["a.service", "/"], { us }),
    signalLine("PropertiesChanged", properties, { sentBy: "DBus.Properties", us }),
  );
  expect(history).toEqual(["parse error"]);
  history.length = 0;
  busctl.units = rowsOf("a.service");
  busctl.facts = {
    stdout: "Id=a.service\nActiveEnterTimestamp=Sun 2226-11-22 11:23:31.713123 UTC\n",
  };
  await say(signalLine("UnitNew", ["a.service", "/"]));
  expect(history).toContain("listed 1");
  expect([...sink.startTimes]).toEqual([]);
});
