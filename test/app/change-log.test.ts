import { expect, test } from "@jest/globals";
import { ChangeLog } from "../../src/app/change-log.ts";
import type { LoggedChanges } from "../../src/app/change-log.ts";
import type { Change } from "../../src/domain/change.ts";
import { createLogger } from "../../src/platform/log/log.ts";
import { containerChange, dieChange, healthChange, monitorChange } from "../support/changes.ts";
import { systemChange, unitChange } from "../support/changes.ts";
import { FakeClock } from "../support/fake-clock.ts";

const NODE = "sind-dev-worker-0";

/** A log of changes at level info; `lines` are without their time. */
function opened(changes: LoggedChanges) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const write = (line: string): boolean => {
    lines.push(line.replace(/^time=\S+ /, "").trimEnd());
    return true;
  };
  const log = createLogger({ level: "info", format: "logfmt", clock, write });
  return { clock, lines, changeLog: new ChangeLog({ changes, clock, log }) };
}

function logged(changes: LoggedChanges, ...all: readonly Change[]): readonly string[] {
  const { lines, changeLog } = opened(changes);
  for (const change of all) changeLog.changed(change);
  return lines;
}

const failed = (more: Parameters<typeof unitChange>[1] = {}): Change =>
  unitChange("unit.failed", { result: "exit-code", exitCode: 203, ...more });

test("logs trouble with its reason", () => {
  expect(
    logged(
      "trouble",
      failed(),
      unitChange("unit.failed", { result: "signal", exitCode: 9, recovered: true }),
      dieChange(137),
      dieChange(undefined),
      containerChange("container.oom"),
      healthChange("unhealthy"),
    ),
  ).toEqual([
    `level=info msg=unit.failed container=${NODE} unit=slurmd.service result=exit-code status=203/EXEC`,
    `level=info msg=unit.failed container=${NODE} unit=slurmd.service result=signal status=SIGKILL recovered=true at=2026-11-22T11:02:19.060434057Z`,
    `level=info msg=container.die container=${NODE} code="137 (SIGKILL)"`,
    `level=info msg=container.die container=${NODE} code=unknown`,
    `level=info msg=container.oom container=${NODE}`,
    `level=info msg=container.health container=${NODE} detail="health=unhealthy"`,
  ]);
});

test("logs nothing else at level info", () => {
  const others = [
    dieChange(0),
    dieChange(143),
    healthChange("healthy"),
    systemChange("degraded"),
    unitChange("unit.active"),
    unitChange("unit.restart"),
  ];
  expect(logged("trouble", ...others)).toEqual([]);
  expect(logged("none", ...others, failed())).toEqual([]);
});

test("logs every change, and what a watch goes through whatever is logged", () => {
  expect(
    logged("all", systemChange("degraded"), unitChange("unit.restart", { restarts: 3 })),
  ).toEqual([
    `level=info msg=system.state container=${NODE} detail="SystemState=degraded"`,
    `level=info msg=unit.restart container=${NODE} unit=slurmd.service restarts=3`,
  ]);
  expect(logged("none", monitorChange("monitor.lost"))).toEqual([
    `level=warn msg="systemd watch lost" container=${NODE} detail="systemd stream ended"`,
  ]);
});

test("bounds the lines of a crash loop, and says how many it left out", async () => {
  const { clock, lines, changeLog } = opened("trouble");
  for (let run = 0; run < 500; run += 1) changeLog.changed(failed());
  expect(lines).toHaveLength(5);
  changeLog.changed(failed({ unit: "other.service" }));
  expect(lines).toHaveLength(6);
  await clock.advance(60_000);
  expect(lines.slice(6)).toEqual([
    `level=info msg="changes left out" container=${NODE} unit=slurmd.service count=495 seconds=60`,
  ]);
  changeLog.changed(failed());
  expect(lines).toHaveLength(8);
  await clock.advance(60_000);
  expect(lines).toHaveLength(8);
  expect(clock.pendingTimers).toBe(0);
});

test("bounds the lines of a container with many units", async () => {
  const { lines, changeLog } = opened("trouble");
  for (let unit = 0; unit < 80; unit += 1) changeLog.changed(failed({ unit: `${unit}.service` }));
  expect(lines).toHaveLength(50);
  changeLog[Symbol.dispose]();
  expect(lines.slice(50)).toEqual([
    `level=info msg="changes left out" container=${NODE} count=30 seconds=60`,
  ]);
});

test("bounds what it remembers", () => {
  const { lines, changeLog } = opened("trouble");
  for (let at = 0; at < 3_000; at += 1) changeLog.changed(failed({ container: `c${at}` }));
  changeLog[Symbol.dispose]();
  const [last = ""] = lines.slice(-1);
  const left = Number(/^level=info msg="changes left out" count=(\d+) seconds=60$/.exec(last)?.[1]);
  expect(lines.length - 1 + left).toBe(3_000);
});
