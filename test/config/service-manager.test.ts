import { expect, test } from "@jest/globals";
import { readServiceManager } from "../../src/config/service-manager.ts";

const NOTIFY_SOCKET = "/run/systemd/notify";

test("returns undefined when there is no socket", () => {
  expect(readServiceManager({})).toBeUndefined();
  expect(readServiceManager({ NOTIFY_SOCKET: "", WATCHDOG_USEC: "60000000" })).toBeUndefined();
  expect(readServiceManager({ NOTIFY_SOCKET: "no/path" })).toBeUndefined();
});

test("accepts a socket with a path or an abstract name", () => {
  for (const notifySocket of [NOTIFY_SOCKET, "@/org/freedesktop/systemd1/notify"]) {
    const expected = { notifySocket, watchdogMs: undefined };
    expect(readServiceManager({ NOTIFY_SOCKET: notifySocket })).toEqual(expected);
  }
});

test.each([
  [{ WATCHDOG_USEC: "60000000" }, 60_000],
  [{ WATCHDOG_USEC: "60000000", WATCHDOG_PID: String(process.pid) }, 60_000],
  [{ WATCHDOG_USEC: "60000000", WATCHDOG_PID: String(process.pid + 1) }, undefined],
  [{ WATCHDOG_USEC: "0" }, undefined],
  [{ WATCHDOG_USEC: "999999" }, undefined],
  [{ WATCHDOG_USEC: "1e9" }, undefined],
  [{ WATCHDOG_USEC: "-1" }, undefined],
])("reads the watchdog interval from %j as %s ms", (env, watchdogMs) => {
  expect(readServiceManager({ NOTIFY_SOCKET, ...env })).toEqual({
    notifySocket: NOTIFY_SOCKET,
    watchdogMs,
  });
});
