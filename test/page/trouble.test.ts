import { expect, test } from "@jest/globals";
import type { ContainerReport, SystemdReport, UnitReport } from "../../src/domain/status.ts";
import { sortedUnits } from "../../src/page/view/node.ts";
import { troubleOf, unitLevel, whyOf } from "../../src/page/view/trouble.ts";

const SYSTEMD: SystemdReport = {
  up: true,
  transport: "dbus",
  since: null,
  reconnects: 0,
  lagSeconds: null,
  version: null,
  state: "running",
  units: { active: 3 },
};
const CONTAINER: Omit<ContainerReport, "units"> = {
  name: "a",
  id: "1",
  node: "a",
  cluster: "",
  image: "debian",
  runtime: "docker",
  status: "running",
  runsSystemd: false,
  health: null,
  exitCode: null,
  oomKilled: false,
  restarts: 0,
  starts: 1,
  startedAt: null,
  finishedAt: null,
  removedAt: null,
  systemd: null,
};

const systemd = (more: Partial<SystemdReport>) => ({ systemd: { ...SYSTEMD, ...more } });
type Case = readonly [Partial<ContainerReport>, number, string, readonly string[]];

test.each<Case>([
  [{}, 0, "fine", []],
  [systemd({}), 0, "fine", []],
  [{ status: "exited", exitCode: 0 }, 0, "idle", []],
  [{ status: "exited", exitCode: 143 }, 0, "idle", []],
  [{ status: "exited", exitCode: 130, runsSystemd: true }, 0, "idle", []],
  [{ status: "exited", exitCode: 129, runsSystemd: true }, 0, "idle", []],
  [{ status: "exited", exitCode: 130 }, 0, "failing", ["exited with code 130 (SIGINT)"]],
  [{ status: "exited", exitCode: 129 }, 0, "failing", ["exited with code 129 (SIGHUP)"]],
  [{ status: "created" }, 0, "idle", []],
  [{ status: "exited", exitCode: 1 }, 0, "failing", ["exited with code 1"]],
  [{ status: "exited" }, 0, "failing", ["exited with an unknown code"]],
  // The exit code of an earlier run is no problem.
  [{ status: "running", exitCode: 1 }, 0, "fine", []],
  [
    { status: "restarting", exitCode: 137, oomKilled: true },
    0,
    "failing",
    ["restarting", "exited with code 137 (SIGKILL)", "ran out of memory"],
  ],
  [{ status: "dead" }, 0, "failing", ["dead"]],
  [{ health: "unhealthy" }, 0, "failing", ["unhealthy"]],
  [{ health: "starting" }, 0, "fine", []],
  [{ status: "paused", health: "unhealthy" }, 0, "warning", ["paused"]],
  [{ status: "paused" }, 0, "warning", ["paused"]],
  [systemd({ units: { failed: 2 } }), 2, "failing", ["2 units failed"]],
  [
    systemd({ units: { failed: 3 }, state: "degraded" }),
    1,
    "failing",
    ["1 unit failed", "2 failed units not shown by the filters"],
  ],
  [systemd({ state: "degraded" }), 0, "failing", ["degraded"]],
  [systemd({ state: "maintenance" }), 0, "failing", ["in maintenance"]],
  [systemd({ up: false }), 0, "warning", ["systemd watch lost"]],
  [systemd({ up: false, transport: null }), 0, "warning", ["systemd not watched yet"]],
])("rates a container that is %j with %d failing units as %s", (more, failing, level, reasons) => {
  expect(troubleOf({ ...CONTAINER, ...more }, failing)).toEqual({ level, reasons });
});

const unit = (more: Partial<UnitReport>): UnitReport => ({
  name: "a.service",
  type: "service",
  activeState: "active",
  subState: "running",
  since: null,
  result: null,
  exitCode: null,
  failures: {},
  lastFailureAt: null,
  restarts: 0,
  ...more,
});

test("returns the level of a unit, and why it fails", () => {
  const failed = { activeState: "failed", subState: "failed" } as const;
  const cases: [UnitReport, string, string][] = [
    [unit({}), "fine", ""],
    [unit({ activeState: "inactive", subState: "dead" }), "idle", ""],
    [unit({ ...failed, result: "exit-code", exitCode: 3 }), "failing", "exit-code, status 3"],
    [unit({ ...failed, result: "signal", exitCode: 11 }), "failing", "signal, SIGSEGV"],
    [unit({ ...failed, result: "start-limit-hit", exitCode: 0 }), "failing", "start-limit-hit"],
    [unit({ ...failed }), "failing", ""],
    [
      unit({
        activeState: "activating",
        subState: "auto-restart",
        result: "timeout",
        exitCode: 15,
      }),
      "failing",
      "timeout, SIGTERM",
    ],
    [
      unit({ result: "success", failures: { signal: 2, "exit-code": 1 } }),
      "fine",
      "before: 2 × signal, 1 × exit-code",
    ],
  ];
  for (const [each, level, why] of cases) {
    expect([unitLevel(each), whyOf(each)]).toEqual([level, why]);
  }
});

test("sorts units with past failures before healthy ones, and these before idle ones", () => {
  const { failing, others } = sortedUnits([
    unit({ name: "idle", activeState: "inactive", subState: "dead" }),
    unit({ name: "well-b" }),
    unit({ name: "well-a" }),
    unit({ name: "was", restarts: 1 }),
    unit({ name: "is", activeState: "failed" }),
  ]);
  expect(failing.map(({ name }) => name)).toEqual(["is"]);
  expect(others.map(({ name }) => name)).toEqual(["was", "well-a", "well-b", "idle"]);
});
