import { expect, test } from "@jest/globals";
import { EventBus, fleetEvents } from "../../src/state/event-bus.ts";
import { containerChange } from "../support/changes.ts";
import { recordedLog } from "../support/recorded-log.ts";

test("calls every subscriber of the event in order before publish returns", () => {
  const bus = new EventBus(recordedLog().log);
  const calls: string[] = [];
  bus.subscribe("parseError", ({ source }) => void calls.push(`first ${source}`));
  bus.subscribe("parseError", ({ source }) => void calls.push(`second ${source}`));
  bus.subscribe("dropped", () => void calls.push("dropped"));
  bus.publish("parseError", { source: "docker" });
  expect(calls).toEqual(["first docker", "second docker"]);
});

test("calls a subscriber no more when its handle is disposed, even during a delivery", () => {
  const bus = new EventBus(recordedLog().log);
  const calls: string[] = [];
  bus.subscribe("listed", () => {
    calls.push("first");
    second[Symbol.dispose]();
  });
  const handler = (): void => void calls.push("second");
  const second = bus.subscribe("listed", handler);
  const again = bus.subscribe("listed", handler);
  bus.publish("listed", { containers: 1 });
  expect(calls).toEqual(["first", "second"]);
  again[Symbol.dispose]();
  bus.publish("listed", { containers: 1 });
  expect(calls).toEqual(["first", "second", "first"]);
});

test("delivers an event at once when a subscriber publishes it", () => {
  const bus = new EventBus(recordedLog().log);
  const calls: string[] = [];
  bus.subscribe("listed", () => bus.publish("parseError", { source: "docker" }));
  bus.subscribe("listed", () => void calls.push("listed"));
  bus.subscribe("parseError", () => void calls.push("parseError"));
  bus.publish("listed", { containers: 1 });
  expect(calls).toEqual(["parseError", "listed"]);
});

test("logs and counts a subscriber that throws, and calls the others", () => {
  const { log, lines } = recordedLog();
  const bus = new EventBus(log);
  const changes: string[] = [];
  const dropped: unknown[] = [];
  bus.subscribe("change", () => {
    throw new Error("broken");
  });
  bus.subscribe("change", ({ kind }) => void changes.push(kind));
  bus.subscribe("dropped", (payload) => void dropped.push(payload));
  bus.publish("change", containerChange("container.start"));
  bus.publish("change", containerChange("container.oom"));
  expect(changes).toEqual(["container.start", "container.oom"]);
  expect(dropped).toEqual(Array.from({ length: 2 }, () => ({ stage: "subscriber", count: 1 })));
  expect(lines).toEqual(['level=error msg="event subscriber failed" event=change err=broken']);
});

test("only logs when a subscriber of dropped throws", () => {
  const { log, lines } = recordedLog();
  const bus = new EventBus(log);
  let calls = 0;
  bus.subscribe("dropped", () => {
    calls += 1;
    throw new Error("broken");
  });
  bus.publish("dropped", { stage: "unit_table", count: 1 });
  expect([calls, lines]).toEqual([
    1,
    ['level=error msg="event subscriber failed" event=dropped err=broken'],
  ]);
});

test("publishes what the fleet emits", () => {
  const bus = new EventBus(recordedLog().log);
  const published: unknown[] = [];
  bus.subscribe("change", ({ kind }) => void published.push(kind));
  bus.subscribe("dropped", (payload) => void published.push(payload));
  const events = fleetEvents(bus);
  events.changed(containerChange("container.start"));
  events.refused("unit_table");
  expect(published).toEqual(["container.start", { stage: "unit_table", count: 1 }]);
});
