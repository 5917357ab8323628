import { expect, test } from "@jest/globals";
import type { SystemdSource, TakeMessage } from "../../../src/domain/systemd.ts";
import { BridgeError } from "../../../src/systemd/transport/bridge-error.ts";
import { AutoSource } from "../../../src/systemd/transport/auto.ts";
import { systemdSource } from "../../../src/systemd/transport/source.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";

/** Course of an attempt: it works and ends, it ends at once, or it fails. */
type Attempt = "works" | "works, then fails" | "ended" | Error;

/** Returns a source whose attempts go as given, the last one again and again. */
function sourceOf(name: string, tried: string[], ...attempts: Attempt[]): SystemdSource {
  return {
    async run(take) {
      tried.push(name);
      const attempt = attempts.length > 1 ? attempts.shift() : attempts[0];
      if (attempt instanceof Error) throw attempt;
      if (attempt === "ended") return;
      take({ kind: "listed", rows: [], asOfNs: 0n });
      if (attempt === "works, then fails") throw new Error(`${name} broke`);
    },
  };
}

function missing(name: string): BridgeError {
  return new BridgeError(new Error(`${name} isn't there`), { exitCode: 127 });
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

test("gives each source four attempts, and begins again after the last", async () => {
  const tried: string[] = [];
  const failing = (name: string): SystemdSource => sourceOf(name, tried, new Error(`no ${name}`));
  await run(new AutoSource([failing("a"), failing("b"), failing("c")]), 26);
  expect(tried.join("")).toBe("aaaabbbbccccaaaabbbbccccaa");
});

test("counts an end before the first listing as a failed attempt", async () => {
  const tried: string[] = [];
  const source = new AutoSource([sourceOf("a", tried, "ended"), sourceOf("b", tried, "ended")]);
  expect(await run(source, 10)).toEqual(Array.from({ length: 10 }, () => ""));
  expect(tried.join("")).toBe("aaaabbbbaa");
});

test("gives a source whose command is missing no second attempt", async () => {
  const tried: string[] = [];
  const source = new AutoSource([
    sourceOf("a", tried, missing("a")),
    sourceOf("b", tried, new Error("no b"), missing("b")),
    sourceOf("c", tried, "works"),
  ]);
  await run(source, 6);
  expect(tried.join("")).toBe("abbccc");
});

test("tries again when the command fails by another exit code", async () => {
  const tried: string[] = [];
  const error = new BridgeError(new Error("EOF"), { exitCode: 1 });
  await run(new AutoSource([sourceOf("a", tried, error), sourceOf("b", tried, "works")]), 5);
  expect(tried.join("")).toBe("aaaab");
});

/** There is its command, and nothing that it could connect to. */
function absent(stderr = ""): BridgeError {
  const cause = new Error("the peer ended the stream, before an answer to AUTH");
  return new BridgeError(cause, { exitCode: 1, stderr });
}

test.each(["", "Failed to start bus client: No such file or directory\n"])(
  "doesn't wait for an absent first source when the node has booted: %j",
  async (stderr) => {
    const tried: string[] = [];
    const ways = [
      sourceOf("a", tried, absent(stderr)),
      sourceOf("b", tried, absent()),
      sourceOf("c", tried, "works"),
    ];
    let booted = false;
    const source = new AutoSource(ways, { hasBooted: () => booted });
    await run(source, 2);
    booted = true;
    await run(source, 6);
    expect(tried.join("")).toBe("aaabbbbc");
  },
);

test.each([
  ["it worked before", ["works", absent()] as const],
  ["the reason is unknown", [absent("Error response from daemon: it is paused")] as const],
])("gives the first source its attempts in a booted node when %s", async (_when, attempts) => {
  const tried: string[] = [];
  const ways = [sourceOf("a", tried, ...attempts), sourceOf("b", tried, "works")];
  await run(new AutoSource(ways, { hasBooted: () => true }), 4);
  expect(tried.join("")).toBe("aaaa");
});

test.each<Attempt>(["works", "works, then fails"])(
  "prefers a source that %s until it fails four times in a row",
  async (works) => {
    const tried: string[] = [];
    const no = new Error("no b");
    const b = sourceOf("b", tried, works, no, no, no, works, no, no, no, no, "works");
    const source = new AutoSource([
      sourceOf("a", tried, missing("a")),
      b,
      sourceOf("c", tried, "works"),
    ]);
    await run(source, 11);
    expect(tried.join("")).toBe("abbbbbbbbbc");
  },
);

test("tries a single source for ever", async () => {
  const tried: string[] = [];
  expect(await run(new AutoSource([sourceOf("a", tried, missing("a"))]), 9)).toHaveLength(9);
  expect(tried.join("")).toBe("aaaaaaaaa");
});

test("fails when it has no source", async () => {
  expect(await run(new AutoSource([]), 1)).toEqual([
    "Error: no transport to systemd is configured",
  ]);
});

test("reports why each source failed, the best one first, and no reason twice", async () => {
  const tried: string[] = [];
  const source = new AutoSource([
    sourceOf("a", tried, missing("a")),
    sourceOf("b", tried, missing("bus")),
    sourceOf("c", tried, missing("bus")),
  ]);
  expect(await run(source, 4)).toEqual([
    "BridgeError: a isn't there",
    "Error: a isn't there; bus isn't there",
    "Error: a isn't there; bus isn't there",
    "Error: a isn't there; bus isn't there",
  ]);
});

test("doesn't count an abort as a failure", async () => {
  const tried: string[] = [];
  const abort = new AbortController();
  const aborting: SystemdSource = {
    run() {
      tried.push("a");
      abort.abort();
      return Promise.reject(new Error("aborted"));
    },
  };
  const source = new AutoSource([aborting, sourceOf("b", tried, "works")]);
  for (let i = 0; i < 5; i += 1)
    await source.run(new RecordedSink().take, { signal: abort.signal });
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
  await run({ run: (_, options) => new AutoSource([talking]).run(sink.take, options) }, 1);
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
  const source = systemdSource(transport, { runtime, container: "c0ffee", clock });
  await run(source!, expected.length + 1);
  const tried = runtime.commands.map(({ command: [name, option] }) => {
    if (name === "sh") return "busctl";
    return option === "-p" ? "private" : "bus";
  });
  expect(tried).toEqual([...expected, expected[0]]);
});

test("has no source when --systemd.transport=off", () => {
  const options = { runtime: new FakeRuntime(), container: "c0ffee", clock: new FakeClock() };
  expect(systemdSource("off", options)).toBeUndefined();
});
