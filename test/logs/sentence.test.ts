import { expect, test } from "@jest/globals";
import type { Change } from "../../src/domain/change.ts";
import { sentenceOf } from "../../src/logs/sentence.ts";
import {
  containerChange,
  dieChange,
  healthChange,
  monitorChange,
  softRebootChange,
  systemChange,
  unitChange,
} from "../support/changes.ts";

const NODE = "sind-dev-worker-0";

const CASES: readonly (readonly [string, Change])[] = [
  [`Container ${NODE} was created`, containerChange("container.create")],
  [`Container ${NODE} started`, containerChange("container.start")],
  [`The engine was requested to stop container ${NODE}`, containerChange("container.stop")],
  [`Container ${NODE} exited with code 0`, dieChange(0)],
  [`Container ${NODE} exited with code 137 (SIGKILL)`, dieChange(137)],
  [`Container ${NODE} exited with code 130 (halt)`, dieChange(130, { runsSystemd: true })],
  [`Container ${NODE} exited, with a code that isn't known`, dieChange(undefined)],
  [
    `Container ${NODE} ran out of memory, and a process was killed`,
    containerChange("container.oom"),
  ],
  [`Container ${NODE} was paused`, containerChange("container.pause")],
  [`Container ${NODE} was unpaused`, containerChange("container.unpause")],
  [`Container ${NODE} was removed`, containerChange("container.destroy")],
  [`Container ${NODE} was restarted by its restart policy`, containerChange("container.restart")],
  [`Container ${NODE} is healthy`, healthChange("healthy")],
  [`Unit slurmd.service in ${NODE} failed`, unitChange("unit.failed")],
  [
    `Unit slurmd.service in ${NODE} failed: exit-code, exit status 3`,
    unitChange("unit.failed", { result: "exit-code", exitCode: 3 }),
  ],
  [
    `Unit slurmd.service in ${NODE} failed: signal, SIGKILL`,
    unitChange("unit.failed", { result: "signal", exitCode: 9 }),
  ],
  [
    `Unit slurmd.service in ${NODE} failed: exit-code, exit status 203/EXEC`,
    unitChange("unit.failed", { result: "exit-code", exitCode: 203 }),
  ],
  [
    `Unit slurmd.service in ${NODE} failed: timeout`,
    unitChange("unit.failed", { result: "timeout", exitCode: 0 }),
  ],
  [`Unit slurmd.service in ${NODE} was restarted by systemd`, unitChange("unit.restart")],
  [
    `Unit slurmd.service in ${NODE} was restarted by systemd, restart number 7`,
    unitChange("unit.restart", { restarts: 7 }),
  ],
  [`Unit slurmd.service in ${NODE} is gone from systemd`, unitChange("unit.removed")],
  [
    `Unit slurmd.service in ${NODE} is active`,
    unitChange("unit.active", { activeState: "active" }),
  ],
  [
    `Unit slurmd.service in ${NODE} is maintenance`,
    unitChange("unit.inactive", { activeState: "maintenance" }),
  ],
  [`Unit slurmd.service in ${NODE} is deactivating`, unitChange("unit.deactivating")],
  [`systemd in ${NODE} is degraded`, systemChange("degraded")],
  [`systemd in ${NODE} rebooted its userspace`, softRebootChange()],
  [`Watching ${NODE}: systemd stream ended`, monitorChange("monitor.lost")],
  [
    "Watching the engine: docker events unavailable",
    monitorChange("monitor.error", {
      identity: undefined,
      container: "",
      detail: "docker events unavailable",
    }),
  ],
];

test.each(CASES)("%s", (sentence, change) => {
  expect(sentenceOf(change)).toBe(sentence);
  expect(sentenceOf({ ...change, recovered: true })).toBe(`${sentence} (found later)`);
});
