import { expect, test } from "@jest/globals";
import type { UnitDescription } from "../../../src/domain/unit-description.ts";
import { Variant } from "../../../src/systemd/dbus/value.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import type { FakeUnit } from "../../support/systemd/fake-systemd.ts";
import { standingBridge } from "../../support/systemd/watched-bridge.ts";

const FAILED = { activeState: "failed", subState: "failed" };
const NO_VALUE = 2n ** 64n - 1n;

/** Describes a unit of a systemd that has these; also returns what systemd was asked. */
async function described(
  unit: string,
  units: Readonly<Record<string, FakeUnit>>,
): Promise<{ found: UnitDescription | undefined; questions: readonly string[] }> {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    for (const [name, each] of Object.entries(units)) systemd.units.set(name, each);
  };
  const watched = await standingBridge({ runtime });
  watched.systemd.questions.splice(0);
  const found = await watched.opened[0]?.readings?.describeUnit?.(unit);
  watched.abort.abort();
  await watched.done;
  return { found, questions: watched.systemd.questions };
}

test("describes a loaded service, with the next run of its timer", async () => {
  const properties = {
    Description: new Variant("s", "Nightly"),
    Result: new Variant("s", "exit-code"),
    ExecMainStatus: new Variant("i", 3),
    Restart: new Variant("s", "on-failure"),
    MemoryCurrent: new Variant("t", 4_096n),
    MemoryPeak: new Variant("t", NO_VALUE),
    MemoryMax: new Variant("t", NO_VALUE),
    TriggeredBy: new Variant("as", ["a.timer"]),
    ExecStart: new Variant("a(sasbttttuii)", [
      ["/bin/sh", ["sh", "-c"], false, 0n, 0n, 0n, 0n, 0, 0, 0],
      ["/bin/true", [], false, 0n, 0n, 0n, 0n, 0, 0, 0],
    ]),
  };
  const timer = {
    Triggers: new Variant("as", ["a.service"]),
    NextElapseUSecRealtime: new Variant("t", 1_800_000_000_000_000n),
  };
  const { found, questions } = await described("a.service", {
    "a.service": { ...FAILED, stateChangeUs: 1_700_000_000_000_000n, properties },
    "a.timer": { activeState: "active", subState: "waiting", properties: timer },
  });
  expect(found).toEqual({
    description: "Nightly",
    command: "/bin/sh",
    triggeredBy: ["a.timer"],
    triggers: [],
    nextRunNs: 1_800_000_000_000_000_000n,
    restartPolicy: "on-failure",
    result: "exit-code",
    exitStatus: 3,
    stateChangeNs: 1_700_000_000_000_000_000n,
    mainPid: undefined,
    isMainKilled: false,
    memoryBytes: 4_096,
    memoryPeakBytes: undefined,
    memoryMaxBytes: undefined,
  });
  expect(questions.map((question) => question.split(" ")[0])).toEqual([
    "GetUnit",
    "GetAll",
    "GetUnit",
    "GetAll",
  ]);
});

test("converts the next run of a timer that counts from an event", async () => {
  const properties = {
    NextElapseUSecRealtime: new Variant("t", 0n),
    NextElapseUSecMonotonic: new Variant("t", 90_000_000n),
    ActiveEnterTimestampMonotonic: new Variant("t", 30_000_000n),
  };
  const activeEnterUs = 1_700_000_000_000_000n;
  const { found } = await described("a.timer", {
    "a.timer": { activeState: "active", subState: "waiting", activeEnterUs, properties },
  });
  expect(found?.nextRunNs).toBe(1_700_000_060_000_000_000n);
});

test("queries no property of a unit that isn't loaded", async () => {
  const { found, questions } = await described("gone.service", {});
  expect(found).toBeUndefined();
  expect(questions.filter((question) => !question.startsWith("GetUnit"))).toEqual([]);
});

test("leaves out what has another type, or isn't systemd's", async () => {
  const properties = {
    Description: new Variant("u", 3),
    Result: new Variant("s", "\u001B[31m"),
    TriggeredBy: new Variant("s", "a.timer"),
    Triggers: new Variant(
      "as",
      Array.from({ length: 50 }, () => "x".repeat(300)),
    ),
    ExecStart: new Variant("as", ["/bin/sh"]),
    MemoryCurrent: new Variant("s", "much"),
    NextElapseUSecRealtime: new Variant("t", NO_VALUE),
  };
  const { found } = await described("a.service", { "a.service": { ...FAILED, properties } });
  expect(found).toMatchObject({
    description: "",
    command: "",
    triggeredBy: [],
    triggers: [],
    result: undefined,
    memoryBytes: undefined,
    nextRunNs: 0n,
  });
});
