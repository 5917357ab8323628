import { expect, test } from "@jest/globals";
import type { WaitOutcome } from "../../../src/commands/wait/waiter.ts";
import type { WaitGoal } from "../../../src/domain/wait-goal.ts";
import { identityOf } from "../../support/engine-facts.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import { active, failed, WaitedFleet } from "../../support/waited-fleet.ts";

const GOAL: Partial<WaitGoal> = {
  containers: ["a"],
  units: [{ unit: "b.service", states: ["active"] }],
};
const waiting = (unit = "b.service") => unitRow(unit, "activating", "auto-restart");

/** Returns the outcome; undefined if there is none yet. */
async function now(waiter: {
  readonly outcome: Promise<WaitOutcome>;
}): Promise<WaitOutcome | "open"> {
  return Promise.race([waiter.outcome, Promise.resolve("open" as const)]);
}

function textsOf(outcome: WaitOutcome | "open"): readonly string[] {
  return outcome === "open" || outcome.kind === "true"
    ? []
    : outcome.missing.map(({ text }) => text);
}

test("ends at once when the goal is true already", async () => {
  const fleet = new WaitedFleet();
  fleet.node("a", [active("b.service")]);
  const waiter = fleet.wait(GOAL, { timeoutMs: 1_000 });
  expect(await now(waiter)).toEqual({
    kind: "true",
    met: [{ container: "a", texts: ["runs", "b.service is active"] }],
    afterMs: 0,
  });
  expect(fleet.clock.pendingTimers).toBe(0);
});

test("ends when the last condition becomes true", async () => {
  const fleet = new WaitedFleet();
  const waiter = fleet.wait({ ...GOAL, system: ["running"] });
  await fleet.clock.advance(2_000);
  fleet.happens("create", "a");
  fleet.happens("start", "a");
  const node = fleet.inspected("a", { runsSystemd: true });
  fleet.listed(node, [unitRow("b.service", "activating", "start")], "starting");
  await fleet.clock.advance(500);
  fleet.unit(node, active("b.service"));
  expect(await now(waiter)).toBe("open");
  node.systemd.take({ kind: "manager", systemState: "running", timeNs: 1n });
  fleet.stateRead(node);
  expect(await now(waiter)).toMatchObject({ kind: "true", afterMs: 2_500 });
});

test("ends when the goal is true for a moment", async () => {
  const fleet = new WaitedFleet();
  const node = fleet.node("a", []);
  const waiter = fleet.wait(GOAL);
  fleet.unit(node, active("b.service"));
  fleet.unit(node, failed("b.service"));
  expect(await now(waiter)).toMatchObject({ kind: "true" });
});

test("ends with what is missing when the time is over", async () => {
  const fleet = new WaitedFleet();
  fleet.node("a", []);
  const waiter = fleet.wait(GOAL, { timeoutMs: 60_000 });
  await fleet.clock.advance(59_999);
  expect(await now(waiter)).toBe("open");
  await fleet.clock.advance(1);
  const outcome = await now(waiter);
  expect(outcome).toMatchObject({ kind: "time", afterMs: 60_000 });
  expect(textsOf(outcome)).toEqual(["b.service isn't loaded, expected active"]);
  expect(fleet.clock.pendingTimers).toBe(0);
});

test("counts the limit from the start of the process", async () => {
  const fleet = new WaitedFleet();
  await fleet.clock.advance(700);
  const waiter = fleet.wait(GOAL, { timeoutMs: 1_000, sinceMs: 0 });
  await fleet.clock.advance(300);
  expect(await now(waiter)).toMatchObject({ kind: "time", afterMs: 1_000 });
});

test("keeps a limit that is longer than any timer", async () => {
  const fleet = new WaitedFleet();
  const { clock } = fleet;
  const longestMs = 2 ** 31 - 1;
  const short: Pick<typeof clock, "monotonicMs" | "setTimeout"> = {
    monotonicMs: () => clock.monotonicMs(),
    setTimeout: (run, delayMs) => clock.setTimeout(run, Math.min(delayMs, longestMs)),
  };
  const waiter = fleet.wait(GOAL, {
    timeoutMs: 3 * longestMs,
    clock: Object.assign(Object.create(clock) as typeof clock, short),
  });
  await clock.advance(3 * longestMs - 1);
  expect(await now(waiter)).toBe("open");
  await clock.advance(1);
  expect(await now(waiter)).toMatchObject({ kind: "time" });
});

test("ends when a unit stays failed", async () => {
  const fleet = new WaitedFleet();
  const node = fleet.node("a", [unitRow("b.service", "activating", "start")]);
  const waiter = fleet.wait(GOAL, { timeoutMs: 60_000 });
  fleet.unit(node, failed("b.service"), "exit-code");
  await fleet.clock.advance(999);
  expect(await now(waiter)).toBe("open");
  await fleet.clock.advance(1);
  const outcome = await now(waiter);
  expect(outcome).toMatchObject({ kind: "final", afterMs: 1_000 });
  expect(textsOf(outcome)).toEqual(["b.service is failed (exit-code), expected active"]);
});

test("goes on when systemd restarts a failed service", async () => {
  const fleet = new WaitedFleet();
  const node = fleet.node("a", [waiting()]);
  const waiter = fleet.wait(GOAL);
  for (let crash = 0; crash < 20; crash += 1) {
    fleet.unit(node, failed("b.service"));
    await fleet.clock.advance(2);
    fleet.unit(node, waiting());
    await fleet.clock.advance(98);
  }
  expect(await now(waiter)).toBe("open");
  fleet.unit(node, active("b.service"));
  expect(await now(waiter)).toMatchObject({ kind: "true", afterMs: 2_000 });
});

test("ends when a container has exited, and goes on when it is restarted", async () => {
  const fleet = new WaitedFleet();
  fleet.node("a", []);
  const waiter = fleet.wait(GOAL);
  fleet.happens("die", "a", { exitCode: "137" });
  await fleet.clock.advance(900);
  fleet.happens("start", "a");
  await fleet.clock.advance(5_000);
  expect(await now(waiter)).toBe("open");
  fleet.happens("die", "a", { exitCode: "137" });
  await fleet.clock.advance(1_000);
  const outcome = await now(waiter);
  expect(outcome).toMatchObject({ kind: "final" });
  expect(textsOf(outcome)[0]).toBe("exited with code 137 (SIGKILL)");
});

test("counts an exit and the removal after it as one reason", async () => {
  const fleet = new WaitedFleet();
  fleet.node("a", []);
  const waiter = fleet.wait(GOAL);
  fleet.happens("die", "a", { exitCode: "0" });
  await fleet.clock.advance(600);
  fleet.happens("destroy", "a");
  await fleet.clock.advance(400);
  const outcome = await now(waiter);
  expect(outcome).toMatchObject({ kind: "final", afterMs: 1_000 });
  expect(textsOf(outcome)[0]).toBe("was removed");
});

test("waits until the goal is true or the time is over when --keep-waiting is set", async () => {
  const fleet = new WaitedFleet();
  const node = fleet.node("a", [failed("b.service")], "degraded");
  const waiter = fleet.wait(GOAL, { keepWaiting: true, timeoutMs: 60_000 });
  await fleet.clock.advance(30_000);
  expect(await now(waiter)).toBe("open");
  fleet.unit(node, active("b.service"));
  expect(await now(waiter)).toMatchObject({ kind: "true", afterMs: 30_000 });

  const vain = fleet.wait({ containers: ["gone"] }, { keepWaiting: true, timeoutMs: 1_000 });
  fleet.happens("create", "gone");
  fleet.happens("destroy", "gone");
  await fleet.clock.advance(1_000);
  expect(await now(vain)).toMatchObject({ kind: "time" });
});

test("waits for a container that does not exist yet", async () => {
  const fleet = new WaitedFleet();
  const waiter = fleet.wait(GOAL, { timeoutMs: 10_000 });
  await fleet.clock.advance(9_999);
  expect(await now(waiter)).toBe("open");
});

test("neither succeeds nor fails while the engine is down", async () => {
  const fleet = new WaitedFleet();
  const node = fleet.node("a", [failed("b.service")]);
  fleet.engine.up = false;
  const waiter = fleet.wait(GOAL, { timeoutMs: 10_000 });
  await fleet.clock.advance(5_000);
  fleet.unit(node, active("b.service"));
  expect(await now(waiter)).toBe("open");
  fleet.engine.up = true;
  fleet.stateRead(node);
  expect(await now(waiter)).toMatchObject({ kind: "true" });
});

const LOST = {
  node: "",
  container: "",
  unit: "",
  timeNs: 1n,
  identity: undefined,
  recovered: false,
};

test("reports an unavailable engine first", async () => {
  const fleet = new WaitedFleet();
  Object.assign(fleet.engine, { up: false, listed: false });
  const waiter = fleet.wait(GOAL, { timeoutMs: 10_000 });
  const error = new Error("cannot connect", {
    cause: Object.assign(new Error(), { code: "ENOENT" }),
  });
  fleet.changed({ ...LOST, kind: "monitor.error", detail: "", error });
  await fleet.clock.advance(10_000);
  const outcome = await now(waiter);
  expect(outcome).toMatchObject({ kind: "time" });
  expect(textsOf(outcome)).toEqual([
    "the engine can't be watched: cannot connect",
    "no such container yet",
    "b.service isn't known, expected active",
  ]);
});

test("reports why the engine was lost", async () => {
  const fleet = new WaitedFleet();
  const waiter = fleet.wait(GOAL, { timeoutMs: 10_000 });
  fleet.engine.up = false;
  fleet.changed({ ...LOST, kind: "monitor.lost", detail: "", error: new Error("closed") });
  await fleet.clock.advance(10_000);
  expect(textsOf(await now(waiter))[0]).toBe("the engine is lost: closed");
});

test("ends when the engine refuses the user", async () => {
  const fleet = new WaitedFleet();
  Object.assign(fleet.engine, { up: false, listed: false });
  const waiter = fleet.wait(GOAL, { timeoutMs: 10_000 });
  const cause = Object.assign(new Error("connect EACCES"), { code: "EACCES" });
  const error = new Error("cannot connect", { cause });
  fleet.changed({ ...LOST, kind: "monitor.error", detail: "", error });
  await fleet.clock.advance(1_000);
  expect(await now(waiter)).toMatchObject({ kind: "final" });
});

test("ends once with what is missing when it is aborted", async () => {
  const fleet = new WaitedFleet();
  const waiter = fleet.wait(GOAL, { timeoutMs: 10_000 });
  await fleet.clock.advance(100);
  waiter.end();
  waiter.end();
  expect(await now(waiter)).toMatchObject({ kind: "ended", afterMs: 100 });
  expect(fleet.clock.pendingTimers).toBe(0);
  fleet.node("a", [active("b.service")]);
  expect(await now(waiter)).toMatchObject({ kind: "ended" });
});

test("forgets the reasons of a container when it is removed", () => {
  const fleet = new WaitedFleet();
  const record = fleet.inspected("a", { runsSystemd: true });
  const change = { ...LOST, identity: identityOf("a"), container: "a", detail: "x" };
  fleet.changed({ ...change, kind: "monitor.error" });
  expect(fleet.view.reason(record)).toBe("x");
  fleet.happens("destroy", "a");
  expect(fleet.view.reason(record)).toBeUndefined();
});
