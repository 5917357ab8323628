import { expect, test } from "@jest/globals";
import { eventReport } from "../../src/app/event-report.ts";
import type { EventReport } from "../../src/domain/status.ts";
import { changeItem } from "../../src/page/view/change.ts";
import { foldChanges } from "../../src/page/view/fold.ts";
import { toHtml } from "../../src/page/html.ts";
import { containerChange, systemChange, unitChange } from "../support/changes.ts";

const START_NS = 1_795_345_339_000_000_000n;

/** Reports the changes, one a second, newest first. */
function newestFirst(...changes: readonly Parameters<typeof eventReport>[0][]): EventReport[] {
  return changes
    .map((change, at) => eventReport({ ...change, timeNs: START_NS + BigInt(at) * 1_000_000_000n }))
    .reverse();
}

const run = (restarts: number) => [
  unitChange("unit.active", { activeState: "active" }),
  unitChange("unit.failed", { result: "exit-code", exitCode: 1 }),
  systemChange("degraded"),
  unitChange("unit.restart", { restarts }),
  unitChange("unit.inactive", { activeState: "inactive" }),
  systemChange("running"),
];

test("folds a crash loop into a line a kind, with its count and its first time", () => {
  const runs = Array.from({ length: 7 }, (_, at) => run(at + 1)).flat();
  const lines = foldChanges(newestFirst(...runs));
  expect(lines.map(({ event, count, firstAt }) => [event.message, count, firstAt])).toEqual([
    ["systemd in sind-dev-worker-0 is running.", 14, "2026-11-22T11:02:21.000000000Z"],
    ["Unit slurmd.service in sind-dev-worker-0 is inactive.", 7, "2026-11-22T11:02:23.000000000Z"],
    [
      "Unit slurmd.service in sind-dev-worker-0 was restarted by systemd, restart number 7.",
      7,
      "2026-11-22T11:02:22.000000000Z",
    ],
    [
      "Unit slurmd.service in sind-dev-worker-0 failed: exit-code, exit status 1.",
      7,
      "2026-11-22T11:02:20.000000000Z",
    ],
    ["Unit slurmd.service in sind-dev-worker-0 is active.", 7, "2026-11-22T11:02:19.000000000Z"],
  ]);
});

test("folds no changes that differ", () => {
  const lines = foldChanges(
    newestFirst(
      unitChange("unit.failed", { result: "exit-code", exitCode: 1 }),
      unitChange("unit.failed", { result: "signal", exitCode: 9 }),
      unitChange("unit.failed", { result: "signal", exitCode: 9, unit: "b.service" }),
      unitChange("unit.failed", { result: "signal", exitCode: 9, container: "b" }),
      containerChange("container.start"),
      containerChange("container.oom"),
    ),
  );
  expect(lines.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1, 1]);
});

test("begins a new line when the same happens much later", () => {
  const failed = unitChange("unit.failed", { result: "signal", exitCode: 9 });
  const at = (seconds: bigint): EventReport =>
    eventReport({ ...failed, timeNs: START_NS + seconds * 1_000_000_000n });
  const lines = foldChanges([at(901n), at(900n), at(600n), at(299n), at(0n)]);
  expect(lines.map(({ event, count }) => [event.time?.slice(11, 19), count])).toEqual([
    ["11:17:20", 3],
    ["11:07:18", 2],
  ]);
});

test("writes the count and the first time into the line", () => {
  const failed = unitChange("unit.failed", { result: "signal", exitCode: 9 });
  const [line] = foldChanges(newestFirst(failed, failed));
  const html = toHtml(changeItem(line!));
  expect(html.replaceAll(/<[^>]*>/g, "")).toBe(
    "11:02:20.000 unit.failed Unit slurmd.service in sind-dev-worker-0 failed: signal, SIGKILL. × 2 since 11:02:19.000",
  );
});
