import { expect, test } from "@jest/globals";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { containerDetails, engineEvent, idOf, identityOf } from "../support/engine-facts.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";
import type { RecordedFleet } from "../support/recorded-fleet.ts";

/** A fleet that has seen these actions happen to the container `web`, at 1000 ns, 2000 ns, … */
function fleetAfter(...actions: readonly string[]): RecordedFleet {
  const recorded = recordedFleet();
  for (const action of actions) recorded.happens(action, "web");
  return recorded;
}

test("emits and shows each step once when a container goes through its states", () => {
  const { fleet, changes, record } = recordedFleet();
  const steps = [
    ["create", "created", false],
    ["start", "running", true],
    ["pause", "paused", true],
    ["unpause", "running", true],
    ["die", "exited", false],
    ["start", "running", true],
  ] as const;
  for (const [at, [action, status, alive]] of steps.entries()) {
    const timeNs = 10n + BigInt(at);
    fleet.engineEvent(engineEvent(action, "web", { timeNs, exitCode: "3" }));
    expect(record("web")).toMatchObject({ status, alive, paused: status === "paused" });
    expect(changes.at(-1)).toMatchObject({
      kind: `container.${action}`,
      container: "web",
      node: "web",
      unit: "",
      timeNs,
      recovered: false,
      identity: identityOf("web"),
    });
  }
  expect(changes).toHaveLength(steps.length);
  expect(record("web")).toMatchObject({
    counters: { starts: 2, restarts: 0, oomEvents: 0, exits: new Map([[3, 1]]) },
    startedAtNs: 15n,
    finishedAtNs: 14n,
    lastExitCode: 3,
  });
});

test("shows a change in the state before it is emitted", () => {
  const seen: string[] = [];
  const { happens, changes, record } = recordedFleet();
  const push = changes.push.bind(changes);
  changes.push = (...more) => {
    seen.push(record("web").status);
    return push(...more);
  };
  for (const action of ["create", "start", "die"]) happens(action, "web");
  expect(seen).toEqual(["created", "running", "exited"]);
});

test.each(["create", "start", "die", "oom", "pause", "unpause", "health_status: healthy"])(
  "adds the container when it is unknown and the event is %s",
  (action) => {
    const { fleet, record, takeKinds, happens } = recordedFleet();
    const known = happens(action, "web", { "sind.cluster": "dev2" });
    expect(known).toBe(record("web"));
    expect(fleet.get(idOf("web"))).toBe(known);
    expect(known?.identity).toEqual(identityOf("web", { cluster: "dev2" }));
    expect(takeKinds()).toHaveLength(1);
  },
);

test.each(["destroy", "rename"])(
  "ignores the event when the container is unknown and the event is %s",
  (action) => {
    const { fleet, changes, happens } = recordedFleet();
    expect(happens(action, "web")).toBeUndefined();
    expect([...fleet.containers()]).toEqual([]);
    expect(changes).toEqual([]);
  },
);

test("ignores an event when it has no id or no name", () => {
  const { fleet, happens } = recordedFleet();
  const nameless = { ...engineEvent("start", "web"), attributes: new Map<string, string>() };
  expect(happens("start", "web", { id: "" })).toBeUndefined();
  expect(fleet.engineEvent(nameless)).toBeUndefined();
  expect(happens("start", "")).toBeUndefined();
  expect([...fleet.containers()]).toEqual([]);
});

test("changes nothing when the action is unknown", () => {
  const { happens, record, takeKinds } = fleetAfter("create", "start");
  takeKinds();
  for (const action of ["restart", "top", "exec_die", "", "toString", "health_status: odd"]) {
    happens(action, "web");
  }
  expect(takeKinds()).toEqual([]);
  expect(record("web").status).toBe("running");
});

test.each([
  ["0", 0],
  ["137", 137],
  ["255", 255],
  ["-1", -1],
  ["256", undefined],
  ["1e99", undefined],
  ["NaN", undefined],
  ["1.5", undefined],
  ["", undefined],
  ["Infinity", undefined],
  ["'; rm", undefined],
  [undefined, undefined],
])("parses the exit code %j as %s", (text, exitCode) => {
  const { fleet, record, changes } = fleetAfter("start");
  const { attributes, ...event } = engineEvent("die", "web", { timeNs: 2_000n });
  const withCode = new Map(attributes);
  if (text !== undefined) withCode.set("exitCode", text);
  fleet.engineEvent({ ...event, attributes: withCode });
  expect([...record("web").counters.exits]).toEqual([[exitCode, 1]]);
  expect(record("web").lastExitCode).toBe(exitCode);
  expect(changes.at(-1)).toMatchObject({ exitCode, detail: `exitCode=${exitCode ?? "unknown"}` });
});

test("counts exits by exit code", () => {
  const { happens, record } = recordedFleet();
  for (const exitCode of ["0", "1", "1", "0", "1"]) {
    happens("start", "web");
    happens("die", "web", { exitCode });
  }
  expect([...record("web").counters.exits]).toEqual([
    [0, 2],
    [1, 3],
  ]);
});

test("emits health when it changes, and clears it when the process ends", () => {
  const { happens, record, changes } = fleetAfter("start");
  const health = (word: string): void => {
    happens(`health_status: ${word}`, "web");
  };
  for (const word of ["starting", "healthy", "healthy", "unhealthy", "healthy"]) health(word);
  expect(changes.slice(1).map(({ kind, detail }) => [kind, detail])).toEqual([
    ["container.health", "health=starting"],
    ["container.health", "health=healthy"],
    ["container.health", "health=unhealthy"],
    ["container.health", "health=healthy"],
  ]);
  expect(record("web").health).toBe("healthy");
  happens("die", "web");
  expect(record("web").health).toBeUndefined();
});

test("reads the health status behind the colon when there are spaces or none", () => {
  const { happens, record } = fleetAfter("start");
  happens("health_status:unhealthy", "web");
  expect(record("web").health).toBe("unhealthy");
});

test("counts each oom event", () => {
  const { record, takeKinds } = fleetAfter("start", "oom", "oom", "die");
  expect(record("web").counters.oomEvents).toBe(2);
  expect(takeKinds()).toEqual([
    "container.start",
    "container.oom",
    "container.oom",
    "container.die",
  ]);
});

const OOM_KILLED = containerDetails("web", {
  status: "exited",
  oomKilled: true,
  exitCode: 137,
  startedAtNs: 900n,
  finishedAtNs: 2_500n,
});

test("counts an OOM kill when inspect reports one that no event did", () => {
  const { fleet, record, changes } = fleetAfter("start", "die");
  fleet.details(OOM_KILLED, true);
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(1);
  expect(changes.slice(2)).toMatchObject([{ kind: "container.oom", timeNs: 2_500n }]);
});

test("counts one kill when its event follows inspect, and another when a second event does", () => {
  const { fleet, happens, record } = fleetAfter("start", "die");
  fleet.details(OOM_KILLED, true);
  happens("oom", "web");
  expect(record("web").counters.oomEvents).toBe(1);
  happens("oom", "web");
  expect(record("web").counters.oomEvents).toBe(2);
});

test("counts one kill when its event precedes inspect, and starts over with the next run", () => {
  const { fleet, happens, record } = fleetAfter("start", "oom", "die");
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(1);
  happens("start", "web");
  happens("die", "web");
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(2);
});

test("counts no kill when the inspection is older than an event", () => {
  const { fleet, record } = fleetAfter("start", "die");
  fleet.details(OOM_KILLED, false);
  expect(record("web").counters.oomEvents).toBe(0);
});

// Engines report a kill of any process in the run: podman at each exit, Docker 20.10 also one that
// was before the watch.
test.each([
  ["it exits with 0", { exitCode: 0 }, []],
  ["SIGTERM ends it", { exitCode: 143 }, []],
  ["a node halts", { exitCode: 130, runsSystemd: true }, []],
  ["it is killed on request", { exitCode: 137 }, [{ action: "kill", signal: "9" }]],
  ["it is stopped", { exitCode: 1 }, [{ action: "stop" }]],
])("infers no OOM kill when %s", (_, facts, requests) => {
  const { fleet, happens, record, takeKinds } = fleetAfter("start");
  for (const { action, ...more } of requests) happens(action, "web", more);
  happens("die", "web", { exitCode: String(facts.exitCode) });
  takeKinds();
  const details = { ...OOM_KILLED, ...facts };
  fleet.details(details, true);
  fleet.complete();
  fleet.reconcile(details, 9_000n);
  expect(takeKinds()).toEqual([]);
  expect(record("web")).toMatchObject({ oom: "none", counters: { oomEvents: 0 } });
});

test("infers an OOM kill when the container had survived a signal, or was stopped before its start", () => {
  const { fleet, happens, record } = fleetAfter("start", "kill", "die", "stop", "start");
  happens("kill", "web", { signal: "1" });
  happens("die", "web", { exitCode: "137" });
  fleet.details({ ...OOM_KILLED, startedAtNs: 5_000n, finishedAtNs: 6_500n }, true);
  expect(record("web").counters.oomEvents).toBe(1);
});

// podman doesn't say which signal it sent.
test("infers an OOM kill when the container was signalled over a minute before its end", () => {
  const { fleet, happens, record } = fleetAfter("start");
  happens("kill", "web");
  const end = (ms: number) => {
    const finishedAtNs = 2_000n + BigInt(ms) * 1_000_000n;
    fleet.engineEvent(engineEvent("die", "web", { timeNs: finishedAtNs + 1n, exitCode: "137" }));
    fleet.details({ ...OOM_KILLED, finishedAtNs }, true);
    return record("web").counters.oomEvents;
  };
  expect(end(59_999)).toBe(0);
  expect(end(60_000)).toBe(1);
});

test("counts a kill once, recovered, when only a snapshot of the running container has it", () => {
  const { fleet, happens, record, changes } = fleetAfter("create", "start");
  fleet.complete();
  const survivor = containerDetails("web", { oomKilled: true, startedAtNs: 2_000n });
  fleet.details(survivor, true);
  expect(record("web").counters.oomEvents).toBe(0);
  fleet.reconcile(survivor, 9_000n);
  fleet.reconcile(survivor, 9_500n);
  expect(record("web").counters.oomEvents).toBe(1);
  expect(changes.at(-1)).toMatchObject({
    kind: "container.oom",
    timeNs: 9_000n,
    recovered: true,
  });
  // Its event comes late; then another.
  happens("oom", "web");
  expect(record("web").counters.oomEvents).toBe(1);
  happens("oom", "web");
  expect(record("web").counters.oomEvents).toBe(2);
});

test("counts no kill of a running container from before the watch", () => {
  const { fleet, happens, record, takeKinds } = recordedFleet();
  const survivor = containerDetails("web", { oomKilled: true });
  happens("pause", "web");
  fleet.details(survivor, true);
  fleet.details(containerDetails("db", { oomKilled: true }), true);
  fleet.complete();
  takeKinds();
  fleet.reconcile(survivor, 9_000n);
  fleet.reconcile(containerDetails("db", { oomKilled: true }), 9_000n);
  expect(takeKinds().filter((kind) => kind === "container.oom")).toEqual([]);
  expect(record("web").counters.oomEvents).toBe(0);
});

test("infers no kill when the container still runs", () => {
  const { fleet, happens, record } = fleetAfter("start");
  fleet.details(containerDetails("web", { oomKilled: true }), true);
  expect(record("web").counters.oomEvents).toBe(0);
  happens("die", "web", { exitCode: "1" });
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(1);
});

test("takes over all details when they are fresh", () => {
  const { fleet, record, takeKinds } = fleetAfter("create");
  takeKinds();
  fleet.details(
    containerDetails("web", {
      status: "restarting",
      startedAtNs: 7n,
      finishedAtNs: 8n,
      exitCode: 4,
      runsSystemd: true,
    }),
    true,
  );
  expect(record("web")).toMatchObject({
    status: "restarting",
    startedAtNs: 7n,
    finishedAtNs: 8n,
    lastExitCode: 4,
    runsSystemd: true,
  });
  expect(takeKinds()).toEqual([]);
});

test("shows no health when the container has ended, whatever the engine says", () => {
  const { fleet, record, takeKinds } = fleetAfter("start", "health_status: healthy", "die");
  takeKinds();
  const facts = { status: "exited", finishedAtNs: 2_500n, health: "unhealthy" } as const;
  fleet.details(containerDetails("web", facts), true);
  fleet.complete();
  fleet.reconcile(containerDetails("web", facts), 9_000n);
  expect(record("web").health).toBeUndefined();
  expect(takeKinds()).toEqual([]);
  fleet.details(containerDetails("web", { health: "starting" }), true);
  expect(record("web").health).toBe("starting");
});

test("keeps an event's facts and takes over the rest when the details are older", () => {
  const { fleet, record } = fleetAfter("create", "start", "die");
  fleet.details(
    containerDetails("web", { status: "running", health: "healthy", runsSystemd: true }),
    false,
  );
  expect(record("web")).toMatchObject({
    status: "exited",
    health: undefined,
    lastExitCode: undefined,
    finishedAtNs: 3_000n,
    runsSystemd: true,
  });
});

test("shows the code of the last exit, not that of inspect, when the container runs", () => {
  const { fleet, happens, record } = recordedFleet();
  fleet.details(containerDetails("web", { finishedAtNs: 5n, exitCode: 0 }), true);
  expect(record("web").lastExitCode).toBeUndefined();
  happens("die", "web", { exitCode: "7" });
  happens("start", "web");
  fleet.details(containerDetails("web", { finishedAtNs: 5n, exitCode: 0 }), true);
  expect(record("web").lastExitCode).toBe(7);
});

test("shows no last exit when the container never exited", () => {
  const { fleet, record } = recordedFleet();
  fleet.details(containerDetails("web", { status: "created", startedAtNs: 0n }), true);
  expect(record("web")).toMatchObject({ lastExitCode: undefined, finishedAtNs: 0n });
});

test("shows the code of a first start that failed, until the container starts", () => {
  const { fleet, happens, record, takeKinds } = fleetAfter("create");
  const created = containerDetails("web", { status: "created", startedAtNs: 0n });
  fleet.details(created, true);
  expect(record("web")).toMatchObject({ startFailed: false, lastExit: undefined });
  takeKinds();
  fleet.details({ ...created, exitCode: 127 }, true);
  expect(record("web")).toMatchObject({
    status: "created",
    startFailed: true,
    lastExit: { exitCode: 127, timeNs: 0n },
    counters: { starts: 0, exits: new Map() },
  });
  happens("start", "web");
  expect(record("web")).toMatchObject({ startFailed: false, lastExit: undefined });
  expect(takeKinds()).toEqual(["container.start"]);
});

test("counts nothing when it happened before the watch", () => {
  const { fleet, record, takeKinds } = recordedFleet();
  fleet.details({ ...OOM_KILLED, restartCount: 12 }, true);
  expect(record("web")).toMatchObject({
    status: "exited",
    lastExitCode: 137,
    counters: { starts: 0, restarts: 0, oomEvents: 0, exits: new Map() },
  });
  fleet.details({ ...OOM_KILLED, restartCount: 12 }, true);
  expect(takeKinds()).toEqual([]);
});

test("counts policy restarts by RestartCount, also when a manual start sets it back to 0", () => {
  const { fleet, record, changes } = fleetAfter("create", "start");
  const countAt = (restartCount: number, fresh = true): number => {
    fleet.details(containerDetails("web", { restartCount, startedAtNs: 77n }), fresh);
    return record("web").counters.restarts;
  };
  expect([
    countAt(0),
    countAt(1),
    countAt(1),
    countAt(3, false),
    countAt(0),
    countAt(0),
    countAt(2),
  ]).toEqual([0, 1, 1, 3, 3, 3, 5]);
  expect(changes.slice(2).map(({ kind, detail, timeNs }) => [kind, detail, timeNs])).toEqual([
    ["container.restart", "restartCount=1", 77n],
    ["container.restart", "restartCount=2", 76n],
    ["container.restart", "restartCount=3", 77n],
    ["container.restart", "restartCount=1", 76n],
    ["container.restart", "restartCount=2", 77n],
  ]);
});

test("counts from 0 when RestartCount is lower than before", () => {
  const { fleet, record } = recordedFleet();
  fleet.details(containerDetails("web", { restartCount: 5 }), true);
  fleet.details(containerDetails("web", { restartCount: 2 }), true);
  expect(record("web").counters.restarts).toBe(2);
});

test("counts no earlier restarts when an event adds an old container", () => {
  const { fleet, record } = fleetAfter("die");
  fleet.details(containerDetails("web", { restartCount: 9 }), true);
  expect(record("web").counters.restarts).toBe(0);
  fleet.details(containerDetails("web", { restartCount: 10 }), true);
  expect(record("web").counters.restarts).toBe(1);
});

test("counts restarts from the first when the container was created under watch", () => {
  const { fleet, record } = fleetAfter("create", "start", "die", "start");
  fleet.details(containerDetails("web", { restartCount: 1 }), true);
  expect(record("web").counters.restarts).toBe(1);
});

test("keeps a container for the retention, not alive, when it is destroyed", () => {
  const { fleet, record, takeKinds } = fleetAfter("create", "start", "destroy");
  expect(takeKinds().at(-1)).toBe("container.destroy");
  expect(record("web")).toMatchObject({ destroyedAtNs: 3_000n, status: "exited", alive: false });
  expect(fleet.get(idOf("web"))).toBeUndefined();
  expect(fleet.ids()).toEqual(new Set());
  fleet.forgetDestroyed(3_000n);
  expect([...fleet.containers()]).toHaveLength(1);
  fleet.forgetDestroyed(3_001n);
  expect([...fleet.containers()]).toEqual([]);
});

test.each(["restarting", "running", "paused", "removing"] as const)(
  "shows a container as exited when it was %s and is destroyed",
  (status) => {
    const { fleet, happens, record } = fleetAfter("create", "start");
    fleet.details(containerDetails("web", { status }), true);
    expect(record("web").status).toBe(status);
    happens("destroy", "web");
    expect(record("web").status).toBe("exited");
  },
);

test("forgets no container when it isn't destroyed", () => {
  const { fleet, record } = fleetAfter("create", "start", "die");
  fleet.forgetDestroyed(10n ** 30n);
  expect(record("web").status).toBe("exited");
});

test("emits nothing when a container is destroyed again", () => {
  const { fleet, takeKinds } = fleetAfter("create", "destroy", "destroy");
  expect(takeKinds()).toEqual(["container.create", "container.destroy"]);
  expect(fleet.vanished(idOf("web"), 9n)).toBeUndefined();
});

test("goes on counting when a container is created again under its name", () => {
  const { fleet, happens, record } = fleetAfter("create", "start", "oom", "die", "destroy");
  happens("create", "web", { id: "second" });
  happens("start", "web", { id: "second" });
  happens("die", "web", { id: "second" });
  expect(record("web")).toMatchObject({
    identity: { id: "second" },
    destroyedAtNs: undefined,
    counters: { starts: 2, oomEvents: 1, exits: new Map([[undefined, 2]]) },
  });
  expect([...fleet.containers()]).toHaveLength(1);
});

test("begins its own counters when the name is used in another cluster", () => {
  const { happens, record } = fleetAfter("create", "start", "destroy");
  happens("create", "web", { id: "second", "sind.cluster": "other" });
  expect(record("web").counters.starts).toBe(0);
});

test("counts from 0 when the name is used again after the retention", () => {
  const { fleet, happens, record } = fleetAfter("create", "start", "destroy");
  fleet.forgetDestroyed(10n ** 30n);
  happens("create", "web", { id: "second" });
  expect(record("web").counters.starts).toBe(0);
});

test("adds the container again when an event has the id of a destroyed one", () => {
  const { happens, record } = fleetAfter("create", "start", "destroy");
  happens("die", "web");
  expect(record("web")).toMatchObject({ destroyedAtNs: undefined, counters: { starts: 1 } });
});

test("emits a recovered destroy when a listing lacks the container", () => {
  const { fleet, record, changes } = fleetAfter("create", "start");
  expect(fleet.vanished(idOf("web"), 9_000n)).toBe(record("web"));
  expect(changes.at(-1)).toMatchObject({
    kind: "container.destroy",
    timeNs: 9_000n,
    recovered: true,
  });
  expect(record("web")).toMatchObject({ alive: false, destroyedAtNs: 9_000n });
  expect(fleet.vanished("unknown", 9_000n)).toBeUndefined();
});

test("goes on under the new name, units included, when a container is renamed", () => {
  const { fleet, happens, record, changes } = fleetAfter("create", "start");
  record("web").systemd.take({
    kind: "listed",
    rows: [{ name: "a.service", activeState: "active", subState: "" }],
    asOfNs: 0n,
  });
  happens("rename", "www", { id: idOf("web"), oldName: "/web" });
  expect([...fleet.containers()].map(({ identity }) => identity.name)).toEqual(["www"]);
  expect(record("www").counters.starts).toBe(1);
  expect(record("www").labels.text).toBe('container="www",node="www",cluster="dev"');
  const [unit] = record("www").systemd.units.values();
  expect(unit?.labels.text).toContain('container="www"');
  happens("die", "www", { id: idOf("web") });
  expect(changes.at(-1)?.container).toBe("www");
});

test("keeps both containers when they swap names", () => {
  const { fleet, happens, record } = recordedFleet();
  const rename = (id: string, to: string): void => {
    happens("rename", to, { id: idOf(id) });
  };
  happens("create", "a");
  happens("create", "b");
  rename("a", "tmp");
  rename("b", "a");
  // This was requested before the names were swapped.
  fleet.details(containerDetails("a"), false);
  rename("a", "b");
  expect([...fleet.containers()].map(({ identity }) => identity.name).sort()).toEqual(["a", "b"]);
  expect(record("a").identity.id).toBe(idOf("b"));
  expect(record("b").identity.id).toBe(idOf("a"));
});

test("takes over the name when only inspect reports it", () => {
  const { fleet, record } = fleetAfter("create");
  fleet.details(
    containerDetails("web", { identity: identityOf("www", { id: idOf("web") }) }),
    true,
  );
  expect(record("www").identity.id).toBe(idOf("web"));
  expect([...fleet.containers()]).toHaveLength(1);
});

test("changes nothing when a listing is folded in twice", () => {
  const { fleet, changes, record } = fleetAfter("create", "start");
  const listing = [
    containerDetails("web", { restartCount: 2, health: "healthy" }),
    containerDetails("db", { status: "exited", exitCode: 1, finishedAtNs: 9n, restartCount: 4 }),
  ];
  for (const details of listing) fleet.details(details, true);
  const { length } = changes;
  const shown = (name: string): unknown => {
    const { status, health, counters, lastExitCode, startedAtNs } = record(name);
    return structuredClone({ status, health, counters, lastExitCode, startedAtNs });
  };
  const before = [shown("web"), shown("db")];
  for (const details of listing) fleet.details(details, true);
  expect([shown("web"), shown("db")]).toEqual(before);
  expect(changes).toHaveLength(length);
  expect([...fleet.containers()]).toHaveLength(2);
});

test("unloads systemd's units when the container's process ends", () => {
  const { happens, record } = fleetAfter("start");
  const { systemd } = record("web");
  systemd.take({
    kind: "listed",
    rows: [{ name: "a.service", activeState: "active", subState: "running" }],
    asOfNs: 0n,
  });
  happens("die", "web");
  expect(systemd.up).toBe(false);
  expect(systemd.units.counts().get("active")).toBe(0);
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
  "accepts the name %s",
  (name) => {
    const { fleet, happens, record, changes } = recordedFleet();
    const attributes = { exitCode: "1", __proto__: "x" };
    happens("create", name, { id: name });
    happens("die", name, { ...attributes, id: name });
    expect(fleet.get(name)).toBe(record(name));
    expect(record(name)).toMatchObject({ status: "exited", lastExitCode: 1 });
    expect(changes.map(({ container }) => container)).toEqual([name, name]);
    happens("destroy", name, { id: name });
    expect(fleet.get(name)).toBeUndefined();
  },
);

test("counts and emits an event, and leaves the status alone, when it is older than the status", () => {
  const { fleet, record, takeKinds } = recordedFleet();
  const happen = (action: string, timeNs: bigint): void => {
    fleet.engineEvent(engineEvent(action, "web", { timeNs, exitCode: "9" }));
  };
  happen("create", 1n);
  happen("start", 20n);
  takeKinds();
  for (const action of ["create", "pause", "die"]) happen(action, 10n);
  expect(takeKinds()).toEqual(["container.create", "container.pause", "container.die"]);
  expect(record("web")).toMatchObject({ status: "running", startedAtNs: 20n });
  expect([...record("web").counters.exits]).toEqual([[9, 1]]);
  happen("unpause", 5n);
  expect(record("web").status).toBe("running");
});

test("keeps a unit's counters when its container is created again under its name", () => {
  const { happens, record } = fleetAfter("create", "start");
  const { systemd } = record("web");
  const unit = systemd.units.obtain("a.service");
  unit?.counters.countFailure("exit-code");
  unit?.counters.countRestarts(3);
  systemd.units.obtain("b.service");
  happens("die", "web");
  happens("destroy", "web");
  happens("create", "web", { id: "second" });
  const units = [...record("web").systemd.units.values()];
  expect(units.map(({ name, restarts }) => [name, restarts])).toEqual([["a.service", 3]]);
  expect([...(units[0]?.failures ?? [])]).toEqual([["exit-code", 1]]);
  expect(units[0]).toMatchObject({ activeState: undefined, facts: { restartsSeen: undefined } });
});

test("releases series when containers and units are gone in any way", () => {
  const series = new SeriesBudget(1_000);
  const { fleet, happens, record } = recordedFleet({ series });
  const rows = [{ name: "a.service", activeState: "active", subState: "running" } as const];
  for (const name of ["a", "b", "c", "d", "e"]) {
    happens("create", name);
    happens("start", name);
    record(name).systemd.take({ kind: "listed", rows, asOfNs: 0n });
    record(name).systemd.units.get("a.service")?.counters.countFailure("signal");
  }
  // Comes again under its name; takes a name that is kept; goes in retention; vanishes.
  happens("destroy", "a");
  happens("create", "a", { id: "second" });
  happens("destroy", "b");
  happens("rename", "b", { id: idOf("c") });
  fleet.vanished(idOf("d"), 1n);
  for (const id of fleet.ids()) fleet.vanished(id, 1n);
  fleet.forgetDestroyed(10n ** 30n);
  expect([...fleet.containers()]).toEqual([]);
  expect(series.take(1_000)).toBe(true);
});

test("releases series once when another container takes the name of a running one", () => {
  const series = new SeriesBudget(1_000);
  const { fleet, happens, record } = recordedFleet({ series });
  const rows = [{ name: "a.service", activeState: "active", subState: "running" } as const];
  const room = (): number => {
    let free = 1_000;
    while (!series.take(free)) free -= 1;
    series.give(free);
    return free;
  };
  for (const name of ["web", "db"]) {
    happens("create", name);
    happens("start", name);
    record(name).systemd.take({ kind: "listed", rows, asOfNs: 0n });
  }
  const one = (1_000 - room()) / 2;
  const web = record("web");
  // Both were renamed unseen: their names come again.
  happens("create", "web", { id: "second" });
  happens("create", "db", { id: "third" });
  expect(1_000 - room()).toBe(2 * 37);
  // It still runs, and its changes have its old name.
  web.systemd.take({ kind: "listed", rows, asOfNs: 1n });
  expect(web.hasSeries).toBe(false);
  // Of one the new name becomes known, the other goes without.
  happens("rename", "old-web", { id: idOf("web") });
  expect(record("old-web")).toBe(web);
  expect(web).toMatchObject({ hasSeries: true, counters: { starts: 0 } });
  expect(record("web").counters.starts).toBe(1);
  happens("start", "old-web", { id: idOf("web") });
  expect([web.counters.starts, record("web").counters.starts]).toEqual([1, 1]);
  happens("destroy", "db");
  expect(1_000 - room()).toBe(2 * 37 + one);
  for (const id of fleet.ids()) fleet.vanished(id, 1n);
  fleet.forgetDestroyed(10n ** 30n);
  expect([...fleet.containers()]).toEqual([]);
  expect(room()).toBe(1_000);
});

test("marks the exit of a container with systemd", () => {
  const { fleet, happens, changes } = recordedFleet();
  happens("start", "node");
  fleet.details(containerDetails("node", { status: "running", runsSystemd: true }), true);
  happens("start", "web");
  fleet.details(containerDetails("web", { status: "running" }), true);
  for (const name of ["node", "web"]) happens("die", name, { exitCode: "130" });
  expect(changes.slice(-2)).toMatchObject([
    { kind: "container.die", container: "node", exitCode: 130, runsSystemd: true },
    { kind: "container.die", container: "web", exitCode: 130, runsSystemd: false },
  ]);
});
