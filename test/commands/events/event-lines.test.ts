import { expect, test } from "@jest/globals";
import { eventReport } from "../../../src/app/event-report.ts";
import { humanLines, jsonLine } from "../../../src/commands/events/event-lines.ts";
import { containerChange, dieChange, monitorChange, unitChange } from "../../support/changes.ts";

const FAILED = unitChange("unit.failed", {
  detail: "ActiveState=failed",
  activeState: "failed",
  subState: "failed",
  result: "exit-code",
  exitCode: 3,
});

function lineOf(change: Parameters<typeof eventReport>[0], colour = false): string {
  return humanLines({ colour })(eventReport(change));
}

test("prints time, container, kind, unit and details", () => {
  expect(lineOf(FAILED)).toBe(
    "2026-11-22T11:02:19.060Z  sind-dev-worker-0  unit.failed        slurmd.service  ActiveState=failed SubState=failed Result=exit-code ExitStatus=3\n",
  );
  expect(lineOf(dieChange(137))).toBe(
    "2026-11-22T11:02:19.060Z  sind-dev-worker-0  container.die      -  exitCode=137\n",
  );
  expect(lineOf(containerChange("container.start"))).toBe(
    "2026-11-22T11:02:19.060Z  sind-dev-worker-0  container.start    -\n",
  );
});

test("prints a dash for an absent value, and marks recovered changes", () => {
  const lost = monitorChange("monitor.lost", { identity: undefined, container: "", node: "" });
  expect(lineOf({ ...lost, timeNs: 0n })).toBe(
    "-  -  monitor.lost       -  systemd stream ended\n",
  );
  expect(lineOf({ ...FAILED, recovered: true })).toMatch(/ExitStatus=3 \(found later\)\n$/);
});

test("widens the container column with the names up to a limit", () => {
  const line = humanLines({ colour: false });
  const of = (container: string) =>
    line(eventReport({ ...containerChange("container.start"), container })).indexOf(
      "container.start",
    );
  const first = of("a");
  expect(of("longer")).toBe(first + 5);
  expect(of("a")).toBe(first + 5);
  of("x".repeat(200));
  expect(of("a")).toBe(first + 39);
});

test("colours by severity when colours are on", () => {
  expect(lineOf(FAILED, true)).toContain("\u001B[31munit.failed      \u001B[0m");
  expect(lineOf(unitChange("unit.restart"), true)).toContain("\u001B[33munit.restart");
  expect(lineOf(unitChange("unit.active"), true)).toContain("  unit.active        slurmd.service");
  expect(lineOf(FAILED)).not.toContain("\u001B");
});

const HOSTILE = unitChange("unit.active", {
  unit: "a\u001B[2J\nb\u009B1m\u202E\uD800.service",
  container: "c\r\u0007",
  detail: `x\n2026 forged ${"y".repeat(100_000)}`,
});

test("escapes control characters and line ends of foreign text", () => {
  const line = lineOf(HOSTILE);
  expect(line).toMatch(/^[^\p{C}]+\n$/u);
  expect(line).toContain(String.raw`a\u001b[2J\u000ab\u009b1m\u202e`);
  expect(line.length).toBeLessThan(3_000);
});

test("prints the change as one line of JSON without control characters", () => {
  const line = jsonLine(eventReport(HOSTILE));
  expect(line).toMatch(/^[^\p{C}]+\n$/u);
  expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(eventReport(HOSTILE))));
  const odd = { ...FAILED, unit: String.raw`a\x2db@\x22x\x22.service` };
  expect(JSON.parse(jsonLine(eventReport(odd)))).toEqual(eventReport(odd));
});

test("prints the other names of the unit that were requested", () => {
  const report = eventReport(FAILED);
  expect(humanLines({ colour: false })(report, ["nick.service"])).toContain(
    "  unit.failed        slurmd.service (nick.service)  ActiveState=failed ",
  );
  expect(JSON.parse(jsonLine(report, ["nick.service"]))).toMatchObject({
    unit: "slurmd.service",
    aliases: ["nick.service"],
  });
  expect(JSON.parse(jsonLine(report))).not.toHaveProperty("aliases");
});
