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
    name: "docker events",
    identity,
    clock,
    changed: (change) => void changes.push(change),
    quietFailures,
  });
  return { health, clock, changes, kinds: () => changes.map(({ kind }) => kind) };
}

test("emits nothing when a stream opens for the first time", () => {
  const { health, kinds } = recorded();
  health.up();
  health.up();
  expect(kinds()).toEqual([]);
});

test("emits one loss and one recovery when many attempts fail in between", () => {
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

test("emits one error and one recovery when the first attempts fail", () => {
  const { health, kinds } = recorded();
  for (let attempt = 0; attempt < 5; attempt++) health.down(new Error("refused"), AT_NS);
  health.up();
  expect(kinds()).toEqual(["monitor.error", "monitor.recovered"]);
});

test("emits nothing when only the quiet failures precede the first success", () => {
  const { health, kinds } = recorded(3);
  for (let attempt = 0; attempt < 3; attempt++) health.down(new Error("booting"), AT_NS);
  health.up();
  expect(kinds()).toEqual([]);
  health.down(undefined, AT_NS);
  expect(kinds()).toEqual(["monitor.lost"]);
});

test("emits an error when a failure follows the quiet ones", () => {
  const { health, kinds } = recorded(3);
  for (let attempt = 0; attempt < 4; attempt++) health.down(new Error("booting"), AT_NS);
  expect(kinds()).toEqual(["monitor.error"]);
});

test("allows the quiet failures again when a success came between", () => {
  const { health, kinds } = recorded(2);
  health.down(undefined, AT_NS);
  health.down(undefined, AT_NS);
  health.up();
  health.down(undefined, AT_NS);
  health.up();
  health.down(undefined, AT_NS);
  expect(kinds()).toEqual(["monitor.lost", "monitor.recovered", "monitor.lost"]);
});

test("names time, container and cause when a stream fails", () => {
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
      detail: "docker events unavailable: no such container",
      identity,
      recovered: false,
      error,
    },
  ]);
});

test("names no container when the stream is the engine's", () => {
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

test("counts the corrected changes of each recovery when a stream recovers more than once", () => {
  const { health, changes } = recorded();
  const comeBack = (...corrected: number[]): string | undefined => {
    health.down(new Error("cut"), AT_NS);
    for (const count of corrected) health.corrected(count);
    health.up();
    return changes.at(-1)?.detail;
  };
  health.up();
  expect(comeBack()).toBe("docker events stream restored");
  expect(comeBack(2, 3)).toBe("docker events stream restored, 5 missed changes found");
  expect(comeBack(0)).toBe("docker events stream restored");
});
