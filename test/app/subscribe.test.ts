import { expect, test } from "@jest/globals";
import { subscribeParts } from "../../src/app/subscribe.ts";
import { EventBus } from "../../src/state/event-bus.ts";
import { monitorChange, unitChange } from "../support/changes.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { ownMetrics } from "../support/own-metrics.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";
import { recordedLog } from "../support/recorded-log.ts";

/** A bus with parts that record their calls, except for the real own metrics. */
function subscribed() {
  const { log } = recordedLog();
  const bus = new EventBus(log);
  const own = ownMetrics();
  const calls: string[] = [];
  const { record, happens } = recordedFleet();
  happens("start", "web");
  subscribeParts(bus, {
    own,
    store: {
      touch: () => void calls.push("store.touch"),
      flush: async () => void calls.push("store.flush"),
    },
    status: {
      changed: ({ kind }) => void calls.push(`status ${kind}`),
      linesRead: ({ run }) => void calls.push(`status lines of ${run.unit}`),
      stateRead: ({ identity }) => void calls.push(`status ${identity.name}`),
    },
    startup: {
      listed: () => void calls.push("startup listed"),
      stateRead: ({ identity }) => void calls.push(`startup ${identity.name}`),
    },
    service: { ready: () => void calls.push("service ready") },
    heap: { fitTo: (containers) => void calls.push(`heap ${containers}`) },
    changeLog: { changed: () => {} },
    isReady: () => false,
    clock: new FakeClock(),
  });
  /** Returns the values above 0 by their labels. */
  const counted = async (name: string): Promise<unknown[]> => {
    const values = (await own.registry.getSingleMetric(name)?.get())?.values ?? [];
    return values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels, value]);
  };
  return { bus, calls, counted, web: record("web") };
}

test("counts, stores and shows a change", async () => {
  const { bus, calls, counted } = subscribed();
  bus.publish("change", unitChange("unit.failed"));
  expect(calls).toEqual(["store.touch", "status unit.failed"]);
  expect(await counted("unitwatch_events_total")).toEqual([[{ kind: "unit.failed" }, 1]]);
});

test("stores nothing when the change is of the engine's watch", () => {
  const { bus, calls } = subscribed();
  bus.publish("change", monitorChange("monitor.lost", { identity: undefined }));
  expect(calls).toEqual(["status monitor.lost"]);
});

test("stores a container only when the engine's facts were read", () => {
  const { bus, calls, web } = subscribed();
  bus.publish("stateRead", { record: web, source: "engine" });
  bus.publish("stateRead", { record: web, source: "systemd" });
  expect(calls).toEqual(["store.touch", "status web", "startup web", "status web", "startup web"]);
});

test("fits the heap, stores, logs and notifies when all containers are listed", () => {
  const { bus, calls } = subscribed();
  bus.publish("listed", { containers: 7 });
  expect(calls).toEqual(["heap 7", "store.flush", "startup listed", "service ready"]);
});

test("counts parse errors and drops, and a drop with a reason as a failed export", async () => {
  const { bus, calls, counted } = subscribed();
  bus.publish("parseError", { source: "inspect" });
  bus.publish("dropped", { stage: "unit_table", count: 1 });
  bus.publish("dropped", { stage: "otlp_queue", count: 3, reason: "queue_full" });
  expect(calls).toEqual([]);
  expect(await counted("unitwatch_parse_errors_total")).toEqual([[{ source: "inspect" }, 1]]);
  expect(await counted("unitwatch_dropped_total")).toEqual([
    [{ stage: "unit_table" }, 1],
    [{ stage: "otlp_queue" }, 3],
  ]);
  expect(await counted("unitwatch_otlp_failures_total")).toEqual([
    [{ signal: "logs", reason: "queue_full" }, 1],
  ]);
});
