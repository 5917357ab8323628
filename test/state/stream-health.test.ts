import { expect, test } from "@jest/globals";
import type { MonitorChange } from "../../src/domain/change.ts";
import type { ContainerIdentity } from "../../src/domain/container.ts";
import { StreamHealth } from "../../src/state/stream-health.ts";
import { identityOf } from "../support/engine-facts.ts";
import { FakeClock } from "../support/fake-clock.ts";

interface Recorded {
  readonly health: StreamHealth;
  readonly clock: FakeClock;
  readonly changes: MonitorChange[];
  readonly kinds: () => string[];
}

/** When the streams here end. */
const AT_NS = 1_700_000_000_000_000_001n;

function recorded(quietFailures = 0, identity?: ContainerIdentity): Recorded {
  const changes: MonitorChange[] = [];
  const clock = new FakeClock();
  const health = new StreamHealth({
    what: "docker events",
    identity,
    clock,
    changed: (change) => void changes.push(change),
    quietFailures,
  });
  return { health, clock, changes, kinds: () => changes.map(({ kind }) => kind) };
}

test("a stream that comes up at first is no news", () => {
  const { health, kinds } = recorded();
  health.up();
  health.up();
  expect(kinds()).toEqual([]);
});

test("a loss is told once, however many attempts fail after it, and so is the return", () => {
  const { health, kinds } = recorded();
  health.up();
  for (let attempt = 0; attempt < 5; attempt++) health.down(new Error("refused"), AT_NS);
  health.up();
  health.up();
  expect(kinds()).toEqual(["monitor.lost", "monitor.recovered"]);
  health.down(undefined, AT_NS);
  health.up();
  expect(kinds().slice(2)).toEqual(["monitor.lost", "monitor.recovered"]);
});

test("a stream that can't be had is an error once, and recovers", () => {
  const { health, kinds } = recorded();
  for (let attempt = 0; attempt < 5; attempt++) health.down(new Error("refused"), AT_NS);
  health.up();
  expect(kinds()).toEqual(["monitor.error", "monitor.recovered"]);
});

test("failures that are normal at first are quiet, and so is the success after them", () => {
  const { health, kinds } = recorded(3);
  for (let attempt = 0; attempt < 3; attempt++) health.down(new Error("booting"), AT_NS);
  health.up();
  expect(kinds()).toEqual([]);
  health.down(undefined, AT_NS);
  expect(kinds()).toEqual(["monitor.lost"]);
});

test("the first failure past the quiet ones is told", () => {
  const { health, kinds } = recorded(3);
  for (let attempt = 0; attempt < 4; attempt++) health.down(new Error("booting"), AT_NS);
  expect(kinds()).toEqual(["monitor.error"]);
});

test("a success begins the quiet failures anew", () => {
  const { health, kinds } = recorded(2);
  health.down(undefined, AT_NS);
  health.down(undefined, AT_NS);
  health.up();
  health.down(undefined, AT_NS);
  health.up();
  health.down(undefined, AT_NS);
  expect(kinds()).toEqual(["monitor.lost", "monitor.recovered", "monitor.lost"]);
});

test("a change says when, which container and why", () => {
  const identity = identityOf("sind-dev-worker-0");
  const { health, changes } = recorded(0, identity);
  const error = new Error("no such container");
  health.down(error, AT_NS);
  expect(changes).toEqual([
    {
      kind: "monitor.error",
      node: "worker-0",
      container: "sind-dev-worker-0",
      unit: "",
      timeNs: AT_NS,
      detail: "docker events can't be had: no such container",
      identity,
      recovered: false,
      error,
    },
  ]);
});

test("a loss of the engine's stream is no container's", () => {
  const { health, changes } = recorded();
  health.up();
  health.down(undefined, AT_NS);
  expect(changes[0]).toMatchObject({
    node: "",
    container: "",
    identity: undefined,
    detail: "docker events stream ended",
  });
  expect(changes[0]).not.toHaveProperty("error");
});

test("the return tells what was corrected meanwhile, the next one only what is new", () => {
  const { health, changes } = recorded();
  const comeBack = (...corrected: number[]): string | undefined => {
    health.down(new Error("cut"), AT_NS);
    for (const count of corrected) health.corrected(count);
    health.up();
    return changes.at(-1)?.detail;
  };
  health.up();
  expect(comeBack()).toBe("docker events stream is back");
  expect(comeBack(2, 3)).toBe("docker events stream is back, 5 missed changes found");
  expect(comeBack(0)).toBe("docker events stream is back");
});
