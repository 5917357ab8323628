import { expect, test } from "@jest/globals";
import { standingBridge, type WatchedBridge } from "../../support/systemd/watched-bridge.ts";

async function end(watched: WatchedBridge): Promise<void> {
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
  expect(watched.clock.pendingTimers).toBe(0);
}

const withGap = (): Promise<WatchedBridge> =>
  standingBridge({ sink: (sink) => void (sink.sinceNs = 1n) });

test("goes on without a gap when systemd passes its name on in one step", async () => {
  const watched = await withGap();
  watched.systemd.emit("Reloading", "b", true);
  watched.systemd.emitOwner(":1.1", ":1.1");
  watched.systemd.emit("UnitRemoved", "so", "a.service", "/u");
  await watched.saw(/^manager/);
  const steps = watched.history.filter((line) => !line.startsWith("asked GetNameOwner"));
  expect(steps).toEqual([
    "asked Subscribe",
    "removed a.service",
    "asked ListUnits",
    "asked Get Version",
    "asked Get SystemState",
    "asked Get UserspaceTimestamp",
    "asked Get SoftRebootsCount",
    "listed 0",
    "manager 252.39-1~deb12u2 running",
  ]);
  await end(watched);
});

test("closes a gap when systemd had no name for a moment", async () => {
  const watched = await withGap();
  watched.systemd.emitOwner(":1.1", "");
  watched.systemd.emitOwner("", ":1.1");
  await watched.saw(/^manager/);
  const steps = watched.history.filter((line) => /^(attached|journal|recovered|listed)/.test(line));
  expect(steps).toEqual([
    "attached dbus",
    "journal sync",
    "journal read",
    "recovered 0",
    "listed 0",
  ]);
  await end(watched);
});

test("leaves out units that a reload removes when it was under way at the attach", async () => {
  const watched = await withGap();
  const { promise, resolve } = Promise.withResolvers<object>();
  watched.runtime.journal = promise;
  watched.systemd.emitOwner("", ":1.1");
  await watched.saw("journal read");
  watched.systemd.emit("UnitRemoved", "so", "a.service", "/u");
  watched.systemd.emit("Reloading", "b", false);
  resolve({});
  await watched.saw(/^manager/);
  watched.systemd.emit("UnitRemoved", "so", "b.service", "/u");
  await watched.saw("removed b.service");
  expect(watched.history).not.toContain("removed a.service");
  await end(watched);
});

test("keeps the stream when the journal is unavailable, and reads it again beside it", async () => {
  const watched = await withGap();
  watched.runtime.journal = { exitCode: 1, stderr: "Connection refused" };
  watched.systemd.emitOwner("", ":1.1");
  await watched.saw("journal read");
  await watched.clock.advance(2_000);
  await watched.saw(/^manager/);
  expect(watched.history.filter((line) => line === "journal read")).toHaveLength(4);
  expect(watched.history).toContain("recovered nothing");
  expect(watched.history).not.toContain("end of input");
  await end(watched);
});

test.each([
  ["NoReply", "ListUnits"],
  ["Disconnected", "ListUnits"],
  ["ServiceUnknown", "Get Version"],
  ["NameHasNoOwner", "GetNameOwner"],
  ["NoReply", "Subscribe"],
])("repeats a call that ends with %s when systemd has a name again: %s", async (error, call) => {
  const watched = await withGap();
  const { systemd } = watched;
  systemd.errors.set(call, `org.freedesktop.DBus.Error.${error}`);
  systemd.emitOwner(":1.1", ":1.1");
  await watched.saw(new RegExp(`^asked ${call}`));
  systemd.emitOwner(":1.1", "");
  await watched.clock.advance(4_999);
  systemd.errors.clear();
  watched.forget();
  systemd.emitOwner("", ":1.1");
  await watched.saw(/^manager/);
  expect(watched.history).toContain("listed 0");
  expect(watched.history).not.toContain("end of input");
  await end(watched);
});

test("ends the stream when a call fails in this way again and again", async () => {
  const watched = await withGap();
  const { systemd } = watched;
  systemd.errors.set("ListUnits", "org.freedesktop.DBus.Error.NoReply");
  systemd.emit("Reloading", "b", false);
  for (let repeat = 0; repeat <= 8; repeat++) {
    await watched.saw("asked ListUnits");
    watched.forget();
    await watched.clock.advance(5_000);
  }
  expect(String(await watched.done)).toBe("org.freedesktop.DBus.Error.NoReply: no");
  expect(watched.clock.pendingTimers).toBe(0);
});
