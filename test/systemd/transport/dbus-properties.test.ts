import { expect, test } from "@jest/globals";
import { DBusProtocolError } from "../../../src/systemd/dbus/errors.ts";
import { DbusProperties } from "../../../src/systemd/transport/dbus-properties.ts";

const SERVICES = ["a.service", "b.service"];

/** The connection ends, which fails every call that is pending, in the order of the calls. */
function endedConnection(): { properties: DbusProperties; end: () => void } {
  const pending: ((error: Error) => void)[] = [];
  const call = (): Promise<never> =>
    new Promise((_resolve, reject) => {
      pending.push(reject);
    });
  return {
    properties: new DbusProperties({ get: call, getAll: call }),
    end: () => {
      for (const reject of pending) reject(new DBusProtocolError("eof", "the peer ended"));
    },
  };
}

const READS: readonly [string, (properties: DbusProperties) => Promise<unknown>][] = [
  ["manager", (properties) => properties.manager()],
  ["logsToJournal", (properties) => properties.logsToJournal()],
  ["startTimes", (properties) => properties.startTimes(SERVICES, () => {})],
  ["changed", (properties) => properties.changed(new Map([["a.service", 1n]]), () => {})],
  ["restartCounts", (properties) => properties.restartCounts(SERVICES, () => {})],
  ["frozenStates", (properties) => properties.frozenStates(SERVICES, () => {})],
  ["oomKills", (properties) => properties.oomKills(SERVICES, () => {})],
];

test.each(READS)(
  "%s leaves no rejection unhandled when the connection ends",
  async (_name, read) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): unknown => unhandled.push(error);
    process.on("unhandledRejection", note);
    try {
      const { properties, end } = endedConnection();
      const reading = read(properties);
      end();
      await expect(reading).rejects.toThrow("the peer ended");
      // Node reports them once all microtasks have run.
      await new Promise(setImmediate);
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", note);
    }
  },
);
