import { expect, test } from "@jest/globals";
import type { RunEnd } from "../../../src/state/containers/container-conditions.ts";
import { containerDetails } from "../../support/engine-facts.ts";
import { StatusFleet } from "../../support/status-fleet.ts";

type Step = readonly [action: string, attributes?: Readonly<Record<string, string>>];

/** Returns what ended the last run of a container that starts, and then has these events. */
function endAfter(...steps: readonly Step[]): RunEnd | undefined {
  const made = new StatusFleet();
  const record = made.happens("start", "web");
  for (const [action, attributes = {}] of steps) made.happens(action, "web", attributes);
  return record.conditions.lastEnd;
}

const die = (exitCode: string): Step => ["die", { exitCode }];

test.each<[string, RunEnd, readonly Step[]]>([
  [
    "a stop, whose event comes last",
    { by: "stop", signal: "SIGTERM" },
    [["kill", { signal: "15" }], die("143"), ["stop"]],
  ],
  [
    "a stop, whose event comes first, of a container that has to be killed",
    { by: "stop", signal: "SIGKILL" },
    [["kill", { signal: "37" }], ["kill", { signal: "9" }], ["stop"], die("137")],
  ],
  ["a kill", { by: "kill", signal: "SIGKILL" }, [["kill", { signal: "9" }], die("137")]],
  [
    "a kill, with the signal's name",
    { by: "kill", signal: "SIGTERM" },
    [["kill", { signal: "TERM" }], die("1")],
  ],
  ["the kernel", { by: "oom", signal: undefined }, [["oom"], die("137")]],
  // A child ran out of memory, and the program noticed.
  ["itself after an OOM kill", { by: "itself", signal: undefined }, [["oom"], die("1")]],
  ["itself", { by: "itself", signal: undefined }, [die("139")]],
  [
    "itself after a signal that it survives",
    { by: "itself", signal: undefined },
    [["kill", { signal: "1" }], die("1")],
  ],
  [
    "itself in the run after a kill",
    { by: "itself", signal: undefined },
    [["kill", { signal: "9" }], die("137"), ["start"], die("3")],
  ],
  [
    "itself before it was stopped in its wait for a restart",
    { by: "itself", signal: undefined },
    [die("3"), ["stop"]],
  ],
])("knows that a run was ended by %s", (_, end, steps) => {
  expect(endAfter(...steps)).toEqual(end);
});

test("doesn't know what ended a run that was missed", () => {
  const made = new StatusFleet();
  made.fleet.complete();
  const record = made.happens("start", "web");
  made.happens("die", "web", { exitCode: "1" });
  expect(record.conditions.lastEnd).toEqual({ by: "itself", signal: undefined });
  made.fleet.reconcile(
    containerDetails("web", {
      startedAtNs: record.finishedAtNs + 1_000n,
      finishedAtNs: record.finishedAtNs + 2_000n,
      status: "exited",
      exitCode: 137,
    }),
    record.finishedAtNs + 9_000n,
  );
  expect(record.conditions.lastEnd).toBeUndefined();
});

test("knows since when a container is paused and unhealthy, unless that is older than the watch", () => {
  const made = new StatusFleet();
  const record = made.happens("start", "web");
  made.happens("health_status: unhealthy", "web");
  made.happens("pause", "web");
  const { healthSinceNs, pausedSinceNs } = record.conditions;
  expect(healthSinceNs).toBeGreaterThan(record.startedAtNs);
  expect(pausedSinceNs).toBeGreaterThan(healthSinceNs);
  const details = {
    startedAtNs: record.startedAtNs,
    status: "paused",
    health: "unhealthy",
  } as const;
  made.fleet.details(containerDetails("web", details), true);
  expect(record.conditions).toMatchObject({ healthSinceNs, pausedSinceNs });

  const before = made.fleet.details(containerDetails("old", details), true);
  expect(before.conditions).toMatchObject({ healthSinceNs: 0n, pausedSinceNs: 0n });
});
