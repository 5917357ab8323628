import { expect, test } from "@jest/globals";
import type { SystemdSource, TakeMessage } from "../../../src/domain/systemd.ts";
import { BridgeError } from "../../../src/systemd/transport/bridge-error.ts";
import { AutoSource } from "../../../src/systemd/transport/auto.ts";
import { systemdSource } from "../../../src/systemd/transport/source.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";

/** How an attempt goes: it stands and ends, it ends at once, or it fails. */
type Attempt = "stood" | "stood, then failed" | "ended" | Error;

/** A way whose attempts go as told, the last one again and again. */
function way(name: string, tried: string[], ...attempts: Attempt[]): SystemdSource {
  return {
    async run(take) {
      tried.push(name);
      const attempt = attempts.length > 1 ? attempts.shift() : attempts[0];
      if (attempt instanceof Error) throw attempt;
      if (attempt === "ended") return;
      take({ kind: "listed", rows: [], asOfNs: 0n });
      if (attempt === "stood, then failed") throw new Error(`${name} broke`);
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

test("each way gets four attempts, and after the last comes the first again", async () => {
  const tried: string[] = [];
  const failing = (name: string): SystemdSource => way(name, tried, new Error(`no ${name}`));
  await run(new AutoSource([failing("a"), failing("b"), failing("c")]), 26);
  expect(tried.join("")).toBe("aaaabbbbccccaaaabbbbccccaa");
});

test("an end before it stood is a failed attempt too", async () => {
  const tried: string[] = [];
  const source = new AutoSource([way("a", tried, "ended"), way("b", tried, "ended")]);
  expect(await run(source, 10)).toEqual(Array.from({ length: 10 }, () => ""));
  expect(tried.join("")).toBe("aaaabbbbaa");
});

test("a way that can never be had gets no second attempt", async () => {
  const tried: string[] = [];
  const source = new AutoSource([
    way("a", tried, missing("a")),
    way("b", tried, new Error("no b"), missing("b")),
    way("c", tried, "stood"),
  ]);
  await run(source, 6);
  expect(tried.join("")).toBe("abbccc");
});

test("another command that ended badly is not final", async () => {
  const tried: string[] = [];
  const error = new BridgeError(new Error("EOF"), { exitCode: 1 });
  await run(new AutoSource([way("a", tried, error), way("b", tried, "stood")]), 5);
  expect(tried.join("")).toBe("aaaab");
});

/** There is its command, and nothing that it could connect to. */
function absent(stderr = ""): BridgeError {
  const cause = new Error("the peer ended the stream, before an answer to AUTH");
  return new BridgeError(cause, { exitCode: 1, stderr });
}

test.each(["", "Failed to start bus client: No such file or directory\n"])(
  "where the node has booted, what isn't there first is waited for no longer: %j",
  async (stderr) => {
    const tried: string[] = [];
    const ways = [
      way("a", tried, absent(stderr)),
      way("b", tried, absent()),
      way("c", tried, "stood"),
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
  ["it stood before", ["stood", absent()] as const],
  ["it can't be told why", [absent("Error response from daemon: it is paused")] as const],
])("in a node that has booted the first gets its attempts where %s", async (_when, attempts) => {
  const tried: string[] = [];
  const ways = [way("a", tried, ...attempts), way("b", tried, "stood")];
  await run(new AutoSource(ways, { hasBooted: () => true }), 4);
  expect(tried.join("")).toBe("aaaa");
});

test.each<Attempt>(["stood", "stood, then failed"])(
  "a way that %s is preferred until it fails four times in a row",
  async (stood) => {
    const tried: string[] = [];
    const no = new Error("no b");
    const b = way("b", tried, stood, no, no, no, stood, no, no, no, no, "stood");
    const source = new AutoSource([way("a", tried, missing("a")), b, way("c", tried, "stood")]);
    await run(source, 11);
    expect(tried.join("")).toBe("abbbbbbbbbc");
  },
);

test("a single way is tried for ever", async () => {
  const tried: string[] = [];
  expect(await run(new AutoSource([way("a", tried, missing("a"))]), 9)).toHaveLength(9);
  expect(tried.join("")).toBe("aaaaaaaaa");
});

test("where there is no way at all, it says so", async () => {
  expect(await run(new AutoSource([]), 1)).toEqual([
    "Error: no transport to systemd is configured",
  ]);
});

test("the error tells why each way failed, the best one first, and no reason twice", async () => {
  const tried: string[] = [];
  const source = new AutoSource([
    way("a", tried, missing("a")),
    way("b", tried, missing("bus")),
    way("c", tried, missing("bus")),
  ]);
  expect(await run(source, 4)).toEqual([
    "BridgeError: a isn't there",
    "Error: a isn't there; bus isn't there",
    "Error: a isn't there; bus isn't there",
    "Error: a isn't there; bus isn't there",
  ]);
});

test("an abort is no failure of the way", async () => {
  const tried: string[] = [];
  const abort = new AbortController();
  const aborting: SystemdSource = {
    run() {
      tried.push("a");
      abort.abort();
      return Promise.reject(new Error("aborted"));
    },
  };
  const source = new AutoSource([aborting, way("b", tried, "stood")]);
  for (let i = 0; i < 5; i += 1)
    await source.run(new RecordedSink().take, { signal: abort.signal });
  expect(tried.join("")).toBe("aaaaa");
});

test("everything a way tells is passed on as it is", async () => {
  const sink = new RecordedSink();
  sink.sinceNs = 7n;
  sink.wanted = ["a.service"];
  const answers: unknown[] = [];
  const at = { unit: "a.service", timeNs: 1n };
  const tell = (take: TakeMessage): void => {
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
  const talking: SystemdSource = { run: async (to) => tell(to) };
  await run({ run: (_, options) => new AutoSource([talking]).run(sink.take, options) }, 1);
  const direct = new RecordedSink();
  tell(direct.take);
  expect(sink.history).toEqual(direct.history);
  expect(answers.slice(0, 2)).toEqual([7n, ["a.service"]]);
});

test.each([
  ["auto", ["bus", "private", "busctl"]],
  ["dbus", ["bus", "private"]],
  ["busctl", ["busctl"]],
] as const)("--systemd.transport=%s tries %j", async (transport, expected) => {
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

test("--systemd.transport=off has no way", () => {
  const options = { runtime: new FakeRuntime(), container: "c0ffee", clock: new FakeClock() };
  expect(systemdSource("off", options)).toBeUndefined();
});
