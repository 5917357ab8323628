import { getEventListeners } from "node:events";
import { expect, test } from "@jest/globals";
import { MARK } from "../../../src/systemd/format/mark.ts";
import { DBusProtocolError } from "../../../src/systemd/dbus/errors.ts";
import { BridgeError } from "../../../src/systemd/transport/bridge-error.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import {
  standingBridge,
  watchBridge,
  type WatchedBridge,
} from "../../support/systemd/watched-bridge.ts";

/** History with the words of the match rules left out, each question once in a row. */
function steps(history: readonly string[]): string[] {
  const words = history.map((line) => line.replace(/^(asked (?:AddMatch|GetNameOwner)).*/, "$1"));
  return words.filter((line, i) => line !== words[i - 1]);
}

/** Timers and listeners that are left. */
function leftovers({ clock, abort }: WatchedBridge): Record<string, number> {
  const listeners = getEventListeners(abort.signal, "abort").length;
  return { timers: clock.pendingTimers, listeners };
}

const bridgeTo = (path: string) => [
  "systemd-stdio-bridge",
  "-p",
  `unix:path=${path},unitwatch=${MARK}`,
];

const NOTHING = { timers: 0, listeners: 0 };

test("subscribes, reads the journal, lists, then reads the manager", async () => {
  const watched = watchBridge({
    sink: (sink) => {
      sink.sinceNs = 1_000_000n;
    },
  });
  await watched.saw(/^manager/);
  expect(steps(watched.history).filter((step) => step !== "asked GetNameOwner")).toEqual([
    "asked Hello",
    "attached dbus",
    "asked AddMatch",
    "asked Subscribe",
    "journal sync",
    "journal read",
    "asked Get LogLevel",
    "asked Get LogTarget",
    "recovered 0",
    "asked ListUnits",
    "listed 0",
    "asked Get Version",
    "asked Get SystemState",
    "asked Get UserspaceTimestamp",
    "asked Get SoftRebootsCount",
    "manager 252.39-1~deb12u2 running",
  ]);
  expect(watched.runtime.commands[0]).toEqual({
    command: bridgeTo("/run/dbus/system_bus_socket"),
    user: "65534:65534",
  });
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
  expect(leftovers(watched)).toEqual(NOTHING);
});

test("matches only the signals that it needs", async () => {
  const { systemd, abort, done } = await standingBridge();
  const rules = systemd.questions.filter((each) => each.startsWith("AddMatch "));
  const wanted = rules.map((rule) => /member='(\w+)'(?:,arg0='([\w.]+)')?$/.exec(rule)?.slice(1));
  expect(wanted).toEqual([
    ["PropertiesChanged", "org.freedesktop.systemd1.Unit"],
    ["PropertiesChanged", "org.freedesktop.systemd1.Service"],
    ...["Automount", "Mount", "Path", "Scope", "Socket", "Swap", "Timer"].map((type) => [
      "PropertiesChanged",
      `org.freedesktop.systemd1.${type}`,
    ]),
    ["UnitNew", undefined],
    ["UnitRemoved", undefined],
    ["Reloading", undefined],
    ["StartupFinished", undefined],
    ["NameOwnerChanged", "org.freedesktop.systemd1"],
  ]);
  expect(rules.every((rule) => rule.startsWith("AddMatch type='signal',sender='org."))).toBe(true);
  expect([...systemd.destinations].sort()).toEqual([
    "org.freedesktop.DBus",
    "org.freedesktop.systemd1",
  ]);
  abort.abort();
  await done;
});

test("sends no Hello, rules or destination on the private socket", async () => {
  const watched = watchBridge({ target: "private" });
  await watched.saw(/^manager/);
  expect(steps(watched.history)).toEqual([
    "attached dbus-private",
    "asked Subscribe",
    "recovered 0",
    "asked ListUnits",
    "listed 0",
    "asked Get Version",
    "asked Get SystemState",
    "asked Get UserspaceTimestamp",
    "asked Get SoftRebootsCount",
    "manager 252.39-1~deb12u2 running",
  ]);
  expect([...watched.systemd.destinations]).toEqual([""]);
  expect(watched.runtime.commands).toEqual([
    { command: bridgeTo("/run/systemd/private"), user: "0:0" },
  ]);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

test("reads the journal only when systemd has answered on the private socket", async () => {
  const runtime = new FakeRuntime();
  // Before that, v247 sends no signal, and what it misses is newer than the journal's last entry.
  runtime.prepare = ({ systemd }) => void systemd.held.add("Subscribe");
  const watched = watchBridge({
    target: "private",
    runtime,
    sink: (sink) => void (sink.sinceNs = 1n),
  });
  await watched.saw("asked Subscribe");
  await watched.clock.advance(0);
  expect(watched.history).toEqual(["attached dbus-private", "asked Subscribe"]);
  watched.systemd.release();
  await watched.saw(/^manager/);
  expect(watched.history.slice(2, 4)).toEqual(["journal sync", "journal read"]);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

test("takes signals on the private socket", async () => {
  const { systemd, sink, abort, done, saw } = await standingBridge({ target: "private" });
  systemd.emit("UnitRemoved", "so", "a.service", "/a");
  await saw("removed a.service");
  expect(sink.history).toEqual(["removed a.service"]);
  abort.abort();
  await done;
});

test("accepts a subscription that exists already", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.errors.set("Subscribe", "org.freedesktop.systemd1.AlreadySubscribed");
  };
  const { abort, done } = await standingBridge({ runtime });
  abort.abort();
  expect(await done).toBeUndefined();
});

test("resolves when the stream ends", async () => {
  const watched = await standingBridge();
  watched.bridge.ends();
  expect(await watched.done).toBeUndefined();
  expect(leftovers(watched)).toEqual(NOTHING);
});

test.each([
  ["before it has said anything", "", /ended the stream, before an answer to AUTH/],
  ["with words of its own", "Failed to connect to bus", /but said: Failed to connect to bus/],
])("fails when the stream ends %s", async (_when, greeting, message) => {
  const runtime = new FakeRuntime();
  runtime.prepare = (bridge) => {
    bridge.systemd.greeting = greeting;
    bridge.stdout.write(greeting);
    bridge.ends({ exitCode: 1, stderr: "no bus here\n" });
  };
  const watched = watchBridge({ runtime });
  const error = await watched.done;
  expect(error).toBeInstanceOf(BridgeError);
  expect(error).toMatchObject({ verdict: "outside" });
  expect(error?.message).toMatch(message);
  expect(error?.message).toMatch(/; no bus here$/);
  expect(leftovers(watched)).toEqual(NOTHING);
});

/** Beginning of Docker's output if runc can't start a command. */
const FAILED = "OCI runtime exec failed: exec failed: unable to start container process:";

test.each([
  [127, "", "missing"],
  [126, `${FAILED} exec: "systemd-stdio-bridge": executable file not found in $PATH`, "missing"],
  [126, `${FAILED} exec: "systemd-stdio-bridge": permission denied: unknown`, "missing"],
  [
    127,
    `exec: "x": executable file not found in $PATH; attach: connection reset by peer`,
    "missing",
  ],
  [126, `${FAILED} read init-p: connection reset by peer: unknown`, "outside"],
  [126, `${FAILED} fork/exec /proc/self/exe: resource temporarily unavailable`, "outside"],
  [127, "OCI runtime exec failed: failed to run runc create/exec call", "outside"],
  [
    127,
    `${FAILED} error starting setns process: fork/exec /proc/self/fd/6: no such file or directory`,
    "outside",
  ],
  [
    127,
    "crun: open `/proc/7/ns/pid`: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    "outside",
  ],
  [
    127,
    "crun: executable file `systemd-stdio-bridge` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    "missing",
  ],
  [1, "OCI runtime exec failed: container not running", "outside"],
  [255, "", "outside"],
  [0, "", "outside"],
  [1, "", "absent"],
  [1, "Welcome", "broken"],
  [undefined, "", "outside"],
] as const)("rates exit code %s with the output %j as %s", async (exitCode, text, verdict) => {
  const runtime = new FakeRuntime();
  runtime.prepare = (bridge) => {
    if (text !== "") bridge.stdout.write(`${text}\r\n`);
    bridge.ends(exitCode === undefined ? { signal: "SIGKILL" } : { exitCode });
  };
  const watched = watchBridge({ runtime });
  const error = await watched.done;
  expect(error).toBeInstanceOf(BridgeError);
  expect(error).toMatchObject({ verdict });
  expect(error?.message).toContain(text.slice(0, 20));
  expect(leftovers(watched)).toEqual(NOTHING);
});

test.each([
  ["eof", "outside"],
  ["stream", "outside"],
  ["closed", "outside"],
  ["malformed", "broken"],
  ["timeout", "broken"],
] as const)("rates a bridge that ended well after %s as %s", (code, verdict) => {
  const cause = new DBusProtocolError(code, "GetAll failed");
  expect(new BridgeError(cause, { exitCode: 0, stderr: "" }).verdict).toBe(verdict);
});

test("fails with the engine's error when the exec fails", async () => {
  const runtime = new FakeRuntime();
  const failure = new Error("container is paused");
  runtime.beforeExec = () => Promise.reject(failure);
  const watched = watchBridge({ runtime });
  expect(await watched.done).toMatchObject({ message: failure.message, verdict: "outside" });
  expect(leftovers(watched)).toEqual(NOTHING);
});
