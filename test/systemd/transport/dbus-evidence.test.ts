import { describe, expect, test } from "@jest/globals";
import { Variant } from "../../../src/systemd/dbus/value.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import type { FakeUnit } from "../../support/systemd/fake-systemd.ts";
import { turns } from "../../support/turns.ts";
import { until } from "../../support/until.ts";
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
    ExecMainExitTimestamp: new Variant("t", 1_700_000_000_000_099n),
    InactiveExitTimestamp: new Variant("t", 1_700_000_000_100_000n),
    Restart: new Variant("s", "on-failure"),
    RestartUSec: new Variant("t", 800_000n),
  },
};

async function end(watched: WatchedBridge): Promise<void> {
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
}

/** The journal's line about a failure. */
const FAILURE = JSON.stringify({
  MESSAGE_ID: "d9b373ed55a64feb8242e02dbe79a49c",
  UNIT: "lines.service",
  UNIT_RESULT: "exit-code",
  INVOCATION_ID: "0123456789abcdef0123456789abcdef",
  __REALTIME_TIMESTAMP: "1700000000100000",
  _SOURCE_REALTIME_TIMESTAMP: "1700000000100000",
});

/** Its line about the restart after that. */
const RESTART = JSON.stringify({
  MESSAGE_ID: "5eb03494b6584870a536b337290809b3",
  UNIT: "lines.service",
  N_RESTARTS: "4",
  INVOCATION_ID: "0123456789abcdef0123456789abcdef",
  __REALTIME_TIMESTAMP: "1700000000200000",
  _SOURCE_REALTIME_TIMESTAMP: "1700000000200000",
});

function logging(level: number): FakeUnit {
  const { properties } = CRASHED;
  return { ...CRASHED, properties: { ...properties, LogLevelMax: new Variant("i", level) } };
}

interface Case {
  readonly units: Readonly<Record<string, FakeUnit>>;
  readonly toCompare?: Readonly<Record<string, bigint>>;
  readonly uncounted?: readonly string[];
}

/** Without a journal the session reads evidence. */
const NO_JOURNAL = { exitCode: 127, stdout: 'exec: "journalctl": executable file not found' };

async function attached({ units, toCompare = {}, uncounted = [] }: Case): Promise<WatchedBridge> {
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
      sink.toCompare = new Map(Object.entries(toCompare));
      sink.uncounted = uncounted;
    },
  });
  await watched.saw(/^manager/);
  return watched;
}

test("reads all properties of a service at once, before what was missed is applied", async () => {
  const watched = await attached({
    units: { "a.service": CRASHED },
    toCompare: { "a.service": 0n },
  });
  expect(watched.sink.evidence).toEqual([
    {
      kind: "evidence",
      isAfterSignals: false,
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
      mainExitNs: 1_700_000_000_000_099_000n,
      inactiveExitNs: 1_700_000_000_100_000_000n,
      restartDelayNs: 800_000_000n,
      isUnlogged: false,
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
    toCompare: { "a.service": 1_700_000_000_100_000_000n, "b.service": 1_600_000_000_000_000_000n },
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
    toCompare: { "gone.service": 0n, "odd.service": 0n, "a.service": 0n },
  });
  expect(watched.sink.evidence.map(({ unit }) => unit)).toEqual(["a.service"]);
  await end(watched);
});

describe("beside a journal", () => {
  const UNITS = {
    "lines.service": logging(3),
    "all.service": logging(-1),
    "err.service": logging(3),
    "warning.service": logging(4),
  };

  function withJournal(
    prepare: FakeRuntime["prepare"] = () => {},
    stdout = FAILURE,
  ): WatchedBridge {
    const runtime = new FakeRuntime();
    runtime.journal = { stdout };
    runtime.prepare = (bridge, call) => {
      for (const [name, unit] of Object.entries(UNITS)) bridge.systemd.units.set(name, unit);
      prepare(bridge, call);
    };
    const watched = watchBridge({
      runtime,
      sink: (sink) => {
        sink.sinceNs = 1n;
        sink.toCompare = new Map(Object.keys(UNITS).map((name) => [name, 0n]));
      },
    });
    return watched;
  }

  async function recovered(...options: Parameters<typeof withJournal>): Promise<WatchedBridge> {
    const watched = withJournal(...options);
    await watched.saw(/^manager/);
    return watched;
  }

  test("takes evidence of services whose lines LogLevelMax= leaves out", async () => {
    const watched = await recovered();
    expect(watched.sink.evidence.map(({ unit }) => unit)).toEqual(["err.service"]);
    expect(watched.history).toContain("recovered 1");
    expect(watched.systemd.questions.filter((question) => /lines/.test(question))).toEqual([]);
    await end(watched);
  });

  test.each([
    ["LogLevel", "logLevel", "err"],
    ["LogTarget", "logTarget", "console"],
  ] as const)("takes it for silent when systemd's %s keeps lines out", async (_, key, value) => {
    const watched = await recovered(({ systemd }) => void (systemd[key] = value), "");
    expect(watched.sink.evidence).toHaveLength(4);
    expect(watched.history).toContain("recovered nothing");
    await end(watched);
  });

  test("compares services with the journal once the signals have passed", async () => {
    const watched = withJournal();
    watched.sink.toCompareAfter = new Map([["all.service", 0n]]);
    await watched.saw(/^listed/);
    expect(watched.history.filter((line) => /^(evidence|recovered|listed)/.test(line))).toEqual([
      "evidence err.service exit-code 3",
      "recovered 1",
      "evidence all.service exit-code 3 after signals",
      "listed 4",
    ]);
    await end(watched);
  });

  test("reads the settings of services that the journal has restarts of", async () => {
    const watched = await recovered(() => {}, `${FAILURE}\n${RESTART}`);
    expect(watched.history).toContain("recovered 2, lines.service on-failure 800");
    await end(watched);
  });

  test("closes gaps in their order, though the evidence of a later one comes first", async () => {
    const watched = await recovered();
    watched.forget();
    const { systemd, history } = watched;
    const asked = (): number => history.filter((line) => line.startsWith("asked GetAll")).length;
    systemd.held.add("GetAll");
    systemd.emitOwner("", ":1.1");
    await until(() => asked() === 3);
    systemd.held.clear();
    systemd.emitOwner("", ":1.1");
    await until(() => asked() === 6);
    await turns();
    expect(history.filter((line) => line.startsWith("recovered"))).toEqual([]);
    systemd.release();
    await watched.saw(/^manager/);
    expect(history.filter((line) => line.startsWith("recovered"))).toEqual([
      "recovered 1",
      "recovered 1",
    ]);
    await end(watched);
  });

  test("takes an empty journal for complete when systemd writes to it", async () => {
    const watched = await recovered(() => {}, "");
    expect(watched.sink.evidence.map(({ unit }) => unit)).toEqual(["lines.service", "err.service"]);
    expect(watched.history).toContain("recovered 0");
    await end(watched);
  });
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
      sink.toCompare = new Map([["a.service", 0n]]);
    },
  });
  expect(String(await watched.done)).toMatch(/variant/);
});

test.each([
  ["on-failure", [[], []], "on-failure"],
  ["on-failure", [[3, 4], []], "always"],
  ["on-abnormal", [[], [10]], "always"],
])("takes Restart=%s with RestartForceExitStatus=%j for %s", async (restart, statuses, policy) => {
  const properties = {
    ...CRASHED.properties,
    Restart: new Variant("s", restart),
    RestartForceExitStatus: new Variant("(aiai)", statuses),
  };
  const watched = await attached({
    units: { "a.service": { ...CRASHED, properties } },
    toCompare: { "a.service": 0n },
    uncounted: ["a.service"],
  });
  expect(watched.sink.evidence[0]).toMatchObject({ policy });
  expect(watched.history).toContain(`restart count a.service 3 ${policy} 800`);
  await end(watched);
});

test("reads the number of restarts of services that were listed first", async () => {
  const watched = await attached({
    units: { "a.service": CRASHED },
    uncounted: ["a.service"],
  });
  expect(watched.history).toContain("restart count a.service 3 on-failure 800");
  await end(watched);
});

test("reads the number of restarts of a service that starts later", async () => {
  const watched = await attached({ units: { "a.service": CRASHED } });
  watched.sink.started = ["a.service"];
  watched.systemd.emitProperties("a.service", "Unit", { ActiveState: new Variant("s", "active") });
  await watched.saw("restart count a.service 3 on-failure 800");
  expect(watched.systemd.questions.at(-1)).toBe(
    "Get RestartUSec /org/freedesktop/systemd1/unit/a_2eservice",
  );
  await end(watched);
});
