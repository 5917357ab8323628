import { expect, test } from "@jest/globals";
import { Variant } from "../../../src/systemd/dbus/value.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import type { FakeUnit } from "../../support/systemd/fake-systemd.ts";
import { watchBridge, type WatchedBridge } from "../../support/systemd/watched-bridge.ts";

/** A service in a crash loop, with the properties that systemd 262 has of it. */
const CRASHED: FakeUnit = {
  activeState: "activating",
  subState: "auto-restart",
  activeEnterUs: 1_700_000_000_000_000n,
  stateChangeUs: 1_700_000_000_100_000n,
  properties: {
    InvocationID: new Variant("ay", Buffer.from("0123456789abcdef0123456789abcdef", "hex")),
    Job: new Variant("(uo)", [7, "/org/freedesktop/systemd1/job/7"]),
    Result: new Variant("s", "exit-code"),
    NRestarts: new Variant("u", 3),
    ExecMainStatus: new Variant("i", 9),
    ExecMainStartTimestamp: new Variant("t", 1_700_000_000_000_001n),
    Restart: new Variant("s", "on-failure"),
  },
};

async function end(watched: WatchedBridge): Promise<void> {
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
}

interface Case {
  readonly units: Readonly<Record<string, FakeUnit>>;
  readonly toWeigh?: Readonly<Record<string, bigint>>;
  readonly uncounted?: readonly string[];
}

/** Without a journal the session reads evidence. */
const NO_JOURNAL = { exitCode: 127, stdout: 'exec: "journalctl": executable file not found' };

async function attached({ units, toWeigh = {}, uncounted = [] }: Case): Promise<WatchedBridge> {
  const runtime = new FakeRuntime();
  runtime.sync = NO_JOURNAL;
  runtime.prepare = ({ systemd }) => {
    for (const [name, unit] of Object.entries(units)) systemd.units.set(name, unit);
    systemd.errors.set("GetAll /org/freedesktop/systemd1/unit/gone_2eservice", "org.example.No");
  };
  const watched = watchBridge({
    runtime,
    sink: (sink) => {
      sink.sinceNs = 1n;
      sink.toWeigh = new Map(Object.entries(toWeigh));
      sink.uncounted = uncounted;
    },
  });
  await watched.saw(/^manager/);
  return watched;
}

test("reads all properties of a service at once, before what was missed is applied", async () => {
  const watched = await attached({
    units: { "a.service": CRASHED },
    toWeigh: { "a.service": 0n },
  });
  expect(watched.sink.evidence).toEqual([
    {
      kind: "evidence",
      unit: "a.service",
      activeState: "activating",
      subState: "auto-restart",
      stateChangeNs: 1_700_000_000_100_000_000n,
      activeEnterNs: 1_700_000_000_000_000_000n,
      invocationId: "0123456789abcdef0123456789abcdef",
      result: "exit-code",
      restarts: 3,
      exitStatus: 9,
      policy: "on-failure",
      hasJob: true,
      mainStartNs: 1_700_000_000_000_001_000n,
      timeNs: watched.clock.nowNs(),
    },
  ]);
  const evidence = watched.history.indexOf("evidence a.service exit-code 3");
  expect(evidence).toBeLessThan(watched.history.indexOf("recovered nothing"));
  await end(watched);
});

test("reads no more of a service that is in the same state as before the gap", async () => {
  const watched = await attached({
    units: { "a.service": CRASHED, "b.service": CRASHED },
    toWeigh: { "a.service": 1_700_000_000_100_000_000n, "b.service": 1_600_000_000_000_000_000n },
  });
  expect(watched.sink.evidence.map(({ unit }) => unit)).toEqual(["b.service"]);
  expect(
    watched.systemd.questions.filter((question) => /^GetAll|StateChange/.test(question)),
  ).toEqual([
    "Get StateChangeTimestamp /org/freedesktop/systemd1/unit/a_2eservice",
    "Get StateChangeTimestamp /org/freedesktop/systemd1/unit/b_2eservice",
    "GetAll /org/freedesktop/systemd1/unit/b_2eservice",
  ]);
  await end(watched);
});

test("skips services that are gone, and answers without a state", async () => {
  const watched = await attached({
    units: { "odd.service": { activeState: "wrong", subState: "" }, "a.service": CRASHED },
    toWeigh: { "gone.service": 0n, "odd.service": 0n, "a.service": 0n },
  });
  expect(watched.sink.evidence.map(({ unit }) => unit)).toEqual(["a.service"]);
  await end(watched);
});

test("ends the stream when a property has another type", async () => {
  const runtime = new FakeRuntime();
  runtime.sync = NO_JOURNAL;
  const odd = { ...CRASHED, properties: { NRestarts: new Variant("s", "3") } };
  runtime.prepare = ({ systemd }) => void systemd.units.set("a.service", odd);
  const watched = watchBridge({
    runtime,
    sink: (sink) => {
      sink.sinceNs = 1n;
      sink.toWeigh = new Map([["a.service", 0n]]);
    },
  });
  expect(String(await watched.done)).toMatch(/variant/);
});

test("reads the number of restarts of services that were listed first", async () => {
  const watched = await attached({
    units: { "a.service": CRASHED },
    uncounted: ["a.service"],
  });
  expect(watched.history).toContain("restart count a.service 3 on-failure");
  await end(watched);
});
