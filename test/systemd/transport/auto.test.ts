import { expect, test } from "@jest/globals";
import type { OpenStream, SystemdSource, TakeMessage } from "../../../src/domain/systemd.ts";
import { DBusError, DBusProtocolError } from "../../../src/systemd/dbus/errors.ts";
import { AutoSource } from "../../../src/systemd/transport/auto.ts";
import { BridgeError } from "../../../src/systemd/transport/bridge-error.ts";
import { SocketError } from "../../../src/systemd/transport/socket-error.ts";
import { systemdSource } from "../../../src/systemd/transport/source.ts";
import type { Way } from "../../../src/systemd/transport/upgrade.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";

/** Course of an attempt: it works and ends, it ends at once, or it fails. */
type Attempt = "works" | "works, then fails" | "ended" | Error;

/** A container that started long ago, on another host. */
const NODE = { container: "c0ffee", pid: () => 1, startedAtNs: 0n };
const STREAM: OpenStream = { transport: "dbus", relist: async () => {} };

/** Returns a source whose attempts go as given, the last one again and again. */
function sourceOf(name: string, tried: string[], ...attempts: Attempt[]): SystemdSource {
  return {
    async run(take, { opened }) {
      tried.push(name);
      const attempt = attempts.length > 1 ? attempts.shift() : attempts[0];
      if (attempt instanceof Error) throw attempt;
      if (attempt === "ended") return;
      take({ kind: "listed", rows: [], asOfNs: 0n });
      opened?.(STREAM);
      if (attempt === "works, then fails") throw new Error(`${name} broke`);
    },
  };
}

/** Returns the sources as ways, of which the third is blind, as busctl is. */
function autoOf(sources: readonly SystemdSource[], hasBooted = () => false): AutoSource {
  const ways = sources.map((source, at) => ({ source, isBlind: at === 2 }));
  return new AutoSource(ways, { clock: new FakeClock(), hasBooted });
}

function missing(name: string): BridgeError {
  return new BridgeError(new Error(`${name} isn't there`), { exitCode: 127 });
}

/** The engine or the container is in the way. */
function outside(why = "cannot connect to the engine"): BridgeError {
  return new BridgeError(new Error(why), undefined);
}

/** Runs it so many times; gives the message of each error, "" for none. */
async function run(source: SystemdSource, times: number): Promise<string[]> {
  const messages: string[] = [];
  for (let i = 0; i < times; i += 1) {
    const { signal } = new AbortController();
    const attempt = source.run(new RecordedSink().take, { signal });
    messages.push(await attempt.then(() => "", String));
  }
  return messages;
}

test("gives each broken source four attempts, and begins again after the last", async () => {
  const tried: string[] = [];
  const failing = (name: string): SystemdSource => sourceOf(name, tried, new Error(`no ${name}`));
  await run(autoOf([failing("a"), failing("b"), failing("c")]), 26);
  expect(tried.join("")).toBe("aaaabbbbccccaaaabbbbccccaa");
});

test("counts an end before the first listing as a failed attempt", async () => {
  const tried: string[] = [];
  const source = autoOf([sourceOf("a", tried, "ended"), sourceOf("b", tried, "ended")]);
  expect(await run(source, 10)).toEqual(Array.from({ length: 10 }, () => ""));
  expect(tried.join("")).toBe("aaaabbbbaa");
});

test("goes on at once when a command is missing, and gives it no second attempt", async () => {
  const tried: string[] = [];
  const source = autoOf([
    sourceOf("a", tried, missing("a")),
    sourceOf("b", tried, new Error("no b"), missing("b")),
    sourceOf("c", tried, "works"),
  ]);
  await run(source, 4);
  expect(tried.join("")).toBe("abbccc");
});

const GONE = "Container c0ffee is not running";
test.each([
  ["the engine is unreachable", outside()],
  ["the container is paused", outside("the engine answered 409 to /exec: c0ffee is paused")],
  ["its process table is full", new BridgeError(new Error("OCI: init-p"), { exitCode: 126 })],
  ["it stops", new BridgeError(new Error(GONE), { exitCode: 127 })],
  ["the command is killed", new BridgeError(new Error("EOF"), { exitCode: 137 })],
  ["its end is unknown", new BridgeError(new DBusProtocolError("timeout", "no answer"), {})],
])("stays with the best source for ever when %s", async (_when, error) => {
  const tried: string[] = [];
  const ways = [sourceOf("a", tried, error), sourceOf("b", tried, "works")];
  await run(
    autoOf(ways, () => true),
    40,
  );
  expect(tried.join("")).toBe("a".repeat(40));
});

test("forgets failures when something else was in the way", async () => {
  const tried: string[] = [];
  const no = new Error("no a");
  const a = sourceOf("a", tried, no, no, no, outside(), no, no, no, no, "works");
  await run(autoOf([a, sourceOf("b", tried, "works")]), 9);
  expect(tried.join("")).toBe("aaaaaaaab");
});

/** There is its command, and nothing that it could connect to. */
function absent(stderr = ""): BridgeError {
  const cause = new Error("the peer ended the stream, before an answer to AUTH");
  return new BridgeError(cause, { exitCode: 1, stderr });
}

test.each([
  "",
  "Failed to connect to system scope bus via local transport: No such file or directory\n",
  "Failed to connect to system scope bus via local transport: Connection refused\n",
  "Failed to connect to system scope bus via local transport: Broken pipe\n",
  "Failed to connect to system scope bus via local transport: Connection reset by peer\n",
  "Failed to get server ID: Transport endpoint is not connected\n",
])("goes on at once from an absent source when the node has booted: %j", async (stderr) => {
  const tried: string[] = [];
  const ways = [sourceOf("a", tried, absent(stderr)), sourceOf("b", tried, "works")];
  await run(
    autoOf(ways, () => true),
    1,
  );
  expect(tried.join("")).toBe("ab");
});

test("gives an absent source two attempts in a node that boots, and tries both from then on", async () => {
  const tried: string[] = [];
  const ways = [
    sourceOf("a", tried, absent()),
    sourceOf("b", tried, absent()),
    sourceOf("c", tried, "works"),
  ];
  await run(autoOf(ways), 6);
  // Without a bus, the third has nothing to connect to either.
  expect(tried.join("")).toBe("aababababab");
});

test("tries no other way to a bus that it sees to be absent", async () => {
  const tried: string[] = [];
  const gone = new SocketError("there is no bus", "absent");
  const ways: Way[] = [
    { source: sourceOf("a", tried, gone, gone, "works"), peer: "bus", isDirect: true },
    { source: sourceOf("b", tried, "works"), peer: "bus" },
    { source: sourceOf("c", tried, absent()), peer: "private" },
    { source: sourceOf("d", tried, "works"), isBlind: true },
  ];
  await run(new AutoSource(ways, { clock: new FakeClock(), hasBooted: () => true }), 3);
  expect(tried.join("")).toBe("acaca");
});

test("goes on to the next way to the bus at once when the host doesn't show the container", async () => {
  const tried: string[] = [];
  const hidden = new SocketError("no such process", "missing");
  const ways: Way[] = [
    { source: sourceOf("a", tried, hidden), peer: "bus", isDirect: true },
    { source: sourceOf("b", tried, "works"), peer: "bus" },
  ];
  await run(new AutoSource(ways, { clock: new FakeClock() }), 2);
  expect(tried.join("")).toBe("abb");
});

test("counts a bus that systemd hasn't reached as absent", async () => {
  const tried: string[] = [];
  const error = new DBusError("org.freedesktop.DBus.Error.NameHasNoOwner", "no owner");
  await run(autoOf([sourceOf("a", tried, error), sourceOf("b", tried, "works")]), 2);
  expect(tried.join("")).toBe("aab");
});

test.each<Attempt>(["works", "works, then fails"])(
  "prefers a source that %s until it fails four times in a row",
  async (works) => {
    const tried: string[] = [];
    const no = new Error("no b");
    const b = sourceOf("b", tried, works, no, no, no, works, no, no, no, no, "works");
    const source = autoOf([sourceOf("a", tried, missing("a")), b, sourceOf("c", tried, "works")]);
    await run(source, 10);
    expect(tried.join("")).toBe("abbbbbbbbbc");
  },
);

test("tries a single source for ever", async () => {
  const tried: string[] = [];
  expect(await run(autoOf([sourceOf("a", tried, missing("a"))]), 9)).toHaveLength(9);
  expect(tried.join("")).toBe("aaaaaaaaa");
});

test("fails when it has no source", async () => {
  expect(await run(autoOf([]), 1)).toEqual(["Error: no transport to systemd is configured"]);
});

test("reports why each source failed, the newest first, and no reason twice", async () => {
  const tried: string[] = [];
  const source = autoOf([
    sourceOf("a", tried, new Error("no bus"), new Error("no bus"), new Error("no bus"), absent()),
    sourceOf("b", tried, new Error("no bus"), new Error("no socket")),
  ]);
  const why = "the peer ended the stream, before an answer to AUTH";
  expect((await run(source, 6)).slice(3)).toEqual([
    `Error: no bus; ${why}`,
    `Error: no socket; ${why}`,
    `Error: no socket; ${why}`,
  ]);
});

test("forgets why sources failed when one has worked", async () => {
  const tried: string[] = [];
  const source = autoOf([
    sourceOf("a", tried, missing("a"), new Error("a is old")),
    sourceOf("b", tried, "works", new Error("b broke")),
  ]);
  expect(await run(source, 2)).toEqual(["", "Error: b broke"]);
});

test("doesn't count an abort as a failure", async () => {
  const tried: string[] = [];
  let abort = new AbortController();
  const aborting: SystemdSource = {
    run() {
      tried.push("a");
      abort.abort();
      return Promise.reject(new Error("aborted"));
    },
  };
  const source = autoOf([aborting, sourceOf("b", tried, "works")]);
  for (let i = 0; i < 5; i += 1) {
    abort = new AbortController();
    await source.run(new RecordedSink().take, { signal: abort.signal });
  }
  expect(tried.join("")).toBe("aaaaa");
});

test("passes each message and reply on unchanged", async () => {
  const sink = new RecordedSink();
  sink.sinceNs = 7n;
  sink.wanted = ["a.service"];
  const answers: unknown[] = [];
  const at = { unit: "a.service", timeNs: 1n };
  const send = (take: TakeMessage): void => {
    answers.push(take({ kind: "attached", transport: "busctl", atNs: 1n })?.journalSinceNs);
    take({ kind: "recovered", entries: undefined });
    answers.push(
      take({
        kind: "listed",
        rows: [{ name: "a", activeState: "active", subState: "x" }],
        asOfNs: 2n,
      })?.startTimesOf,
    );
    take({ kind: "start-time", unit: "a.service", timeNs: 3n });
    take({ kind: "loaded", rows: [{ name: "b", activeState: "failed", subState: "y" }] });
    take({ kind: "service", ...at, result: "success", restarts: 2, exitStatus: 0 });
    const times = { stateChangeNs: 1n, activeEnterNs: 1n, invocationId: "" };
    take({ kind: "unit", ...at, activeState: "active", subState: "running", ...times });
    take({ kind: "removed", unit: "a.service", timeNs: 4n });
    take({ kind: "manager", version: "252", systemState: "running", timeNs: 5n });
    take({ kind: "parse-error" });
  };
  const talking: SystemdSource = { run: async (to) => send(to) };
  await run({ run: (_, options) => autoOf([talking]).run(sink.take, options) }, 1);
  const direct = new RecordedSink();
  send(direct.take);
  expect(sink.history).toEqual(direct.history);
  expect(answers.slice(0, 2)).toEqual([7n, ["a.service"]]);
});

test.each([
  ["auto", ["bus", "private", "busctl"]],
  ["dbus", ["bus", "private"]],
  ["busctl", ["busctl"]],
] as const)("follows --systemd.transport=%s by trying %j", async (transport, expected) => {
  const runtime = new FakeRuntime();
  runtime.beforeExec = () => Promise.reject(missing("anything"));
  const clock = new FakeClock();
  const source = systemdSource(transport, { ...NODE, runtime, clock });
  await run(source!, 1);
  const tried = runtime.commands.map(({ command: [name, , address = ""] }) => {
    if (name === "sh") return "busctl";
    return address.includes("/systemd/private") ? "private" : "bus";
  });
  expect(tried).toEqual(expected);
});

test("has no source when --systemd.transport=off", () => {
  const options = { ...NODE, runtime: new FakeRuntime(), clock: new FakeClock() };
  expect(systemdSource("off", options)).toBeUndefined();
});
