import { expect, test } from "@jest/globals";
import { StartupLog } from "../../src/app/startup-log.ts";
import type { StartupLogOptions } from "../../src/app/startup-log.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { ContainerRecord } from "../../src/state/containers/container-record.ts";
import { containerDetails } from "../support/engine-facts.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { unitRow } from "../support/systemd-facts.ts";

type Engine = {
  -readonly [Key in keyof StartupLogOptions["runtime"]]: StartupLogOptions["runtime"][Key];
};

function started(args: readonly string[] = []) {
  const parsed = parseConfig(args, {});
  if (parsed.kind !== "run") throw new Error(`parsed as ${parsed.kind}`);
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const { fleet, happens } = recordedFleet();
  const runtime: Engine = {
    kind: "engine",
    engine: "docker",
    versions: { engine: "20.10.24+dfsg1", api: "1.41" },
  };
  const startup = new StartupLog({
    fleet,
    runtime,
    watchesSystemd: parsed.config.systemd.transport !== "off",
    sinceMs: clock.monotonicMs(),
    clock,
    log,
  });
  return {
    startup,
    clock,
    runtime,
    happens,
    /** Returns the lines since the last call. */
    newLines: () => lines.splice(0),
    node: (name: string): ContainerRecord =>
      fleet.details(containerDetails(name, { runsSystemd: true }), true),
    /** Lists the systemd of the container. */
    watched: (record: ContainerRecord, units: number): void => {
      record.systemd.take({ kind: "attached", transport: "dbus", atNs: clock.nowNs() });
      record.systemd.take({ kind: "recovered", entries: [] });
      const rows = Array.from({ length: units }, (_, i) =>
        unitRow(`unit-${i}.service`, "active", "running"),
      );
      record.systemd.take({ kind: "listed", rows, asOfNs: clock.nowNs() });
      startup.stateRead(record);
    },
  };
}

const ANSWERS =
  'level=info msg="connected to container engine" engine=docker version=20.10.24+dfsg1 api=1.41';

test("logs ready after the first listing, and all nodes watched after the last one", async () => {
  const { startup, clock, happens, node, watched, newLines } = started();
  using _startup = startup;
  happens("start", "web");
  const [a, b] = [node("a"), node("b")];
  await clock.advance(412.4);
  startup.listed();
  expect(newLines()).toEqual([ANSWERS, "level=info msg=ready containers=3 nodes=2 seconds=0.412"]);
  watched(a, 3);
  startup.stateRead(a);
  expect(newLines()).toEqual([]);
  await clock.advance(500);
  watched(b, 4);
  expect(newLines()).toEqual([
    'level=info msg="all nodes watched" nodes=2 watched=2 units=7 seconds=0.912',
  ]);
  watched(node("c"), 1);
  startup.listed();
  await clock.advance(60_000);
  expect([newLines(), clock.pendingTimers]).toEqual([[], 0]);
});

test("waits for a node that starts meanwhile", () => {
  const { startup, node, watched, newLines } = started();
  using _startup = startup;
  const a = node("a");
  startup.listed();
  const b = node("b");
  startup.stateRead(b);
  newLines();
  watched(a, 3);
  expect(newLines()).toEqual([]);
  watched(b, 4);
  expect(newLines()).toEqual([
    'level=info msg="all nodes watched" nodes=2 watched=2 units=7 seconds=0',
  ]);
});

test("does not wait for a node that was destroyed", () => {
  const { startup, happens, node, watched, newLines } = started();
  using _startup = startup;
  const [a, b] = [node("a"), node("b")];
  startup.listed();
  watched(a, 3);
  happens("die", "b", { exitCode: "0" });
  startup.stateRead(b);
  expect(newLines().at(-1)).toContain("nodes=1 watched=1 units=3");
});

test("logs unwatched nodes when 30 s have passed", async () => {
  const { startup, clock, node, watched, newLines } = started();
  using _startup = startup;
  const [a] = [node("a"), node("b")];
  startup.listed();
  watched(a, 3);
  newLines();
  await clock.advance(29_999);
  expect(newLines()).toEqual([]);
  await clock.advance(1);
  expect(newLines()).toEqual([
    'level=warn msg="some nodes not watched yet" nodes=2 watched=1 units=3 seconds=30',
  ]);
  expect(clock.pendingTimers).toBe(0);
});

test("waits for nothing when there is no node or systemd is off", () => {
  for (const { startup, clock, happens, newLines } of [
    started(),
    started(["--systemd.transport=off"]),
  ]) {
    happens("start", "web");
    startup.listed();
    expect(newLines().at(-1)).toBe("level=info msg=ready containers=1 nodes=0 seconds=0");
    expect(clock.pendingTimers).toBe(0);
  }
});

test("logs the engine again only when it has changed", () => {
  const { startup, runtime, newLines } = started();
  using _startup = startup;
  startup.listed();
  newLines();
  startup.listed();
  expect(newLines()).toEqual([]);
  runtime.versions = { engine: "28.0.1", api: "1.48" };
  startup.listed();
  expect(newLines()).toEqual([
    'level=info msg="connected to container engine" engine=docker version=28.0.1 api=1.48',
  ]);
});

test("logs no version when the runtime has none", () => {
  const { startup, runtime, newLines } = started();
  using _startup = startup;
  Object.assign(runtime, { engine: "podman", versions: undefined });
  startup.listed();
  expect(newLines()[0]).toBe('level=info msg="connected to container engine" engine=podman');
});
