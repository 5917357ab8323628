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

test("a container goes through its life, each step told once and shown", () => {
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

test("the state shows a change by the time it is told", () => {
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
  "%s of an unknown container makes it known",
  (action) => {
    const { fleet, record, takeKinds, happens } = recordedFleet();
    const known = happens(action, "web", { "sind.cluster": "dev2" });
    expect(known).toBe(record("web"));
    expect(fleet.get(idOf("web"))).toBe(known);
    expect(known?.identity).toEqual(identityOf("web", { cluster: "dev2" }));
    expect(takeKinds()).toHaveLength(1);
  },
);

test.each(["destroy", "rename"])("%s of an unknown container tells nothing", (action) => {
  const { fleet, changes, happens } = recordedFleet();
  expect(happens(action, "web")).toBeUndefined();
  expect([...fleet.containers()]).toEqual([]);
  expect(changes).toEqual([]);
});

test("an event without id or name is no container's", () => {
  const { fleet, happens } = recordedFleet();
  const nameless = { ...engineEvent("start", "web"), attributes: new Map<string, string>() };
  expect(happens("start", "web", { id: "" })).toBeUndefined();
  expect(fleet.engineEvent(nameless)).toBeUndefined();
  expect(happens("start", "")).toBeUndefined();
  expect([...fleet.containers()]).toEqual([]);
});

test("words that nobody knows change nothing", () => {
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
])("an exit code told as %j counts as %s", (text, exitCode) => {
  const { fleet, record, changes } = fleetAfter("start");
  const { attributes, ...event } = engineEvent("die", "web", { timeNs: 2_000n });
  const told = new Map(attributes);
  if (text !== undefined) told.set("exitCode", text);
  fleet.engineEvent({ ...event, attributes: told });
  expect([...record("web").counters.exits]).toEqual([[exitCode, 1]]);
  expect(record("web").lastExitCode).toBe(exitCode);
  expect(changes.at(-1)).toMatchObject({ exitCode, detail: `exitCode=${exitCode ?? "unknown"}` });
});

test("exits are counted by exit code", () => {
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

test("health is told where it changes, and gone with the process", () => {
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

test("the health word stands behind the colon, spaces or not", () => {
  const { happens, record } = fleetAfter("start");
  happens("health_status:unhealthy", "web");
  expect(record("web").health).toBe("unhealthy");
});

test("each oom event counts", () => {
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

test("an exit that inspect calls OOM-killed counts where no event told it", () => {
  const { fleet, record, changes } = fleetAfter("start", "die");
  fleet.details(OOM_KILLED, true);
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(1);
  expect(changes.slice(2)).toMatchObject([{ kind: "container.oom", timeNs: 2_500n }]);
});

test("an oom event after the inference is the same kill, a second one is another", () => {
  const { fleet, happens, record } = fleetAfter("start", "die");
  fleet.details(OOM_KILLED, true);
  happens("oom", "web");
  expect(record("web").counters.oomEvents).toBe(1);
  happens("oom", "web");
  expect(record("web").counters.oomEvents).toBe(2);
});

test("an oom event before inspect isn't counted twice, and the next life begins anew", () => {
  const { fleet, happens, record } = fleetAfter("start", "oom", "die");
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(1);
  happens("start", "web");
  happens("die", "web");
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(2);
});

test("what inspect said before a newer event tells of no kill", () => {
  const { fleet, record } = fleetAfter("start", "die");
  fleet.details(OOM_KILLED, false);
  expect(record("web").counters.oomEvents).toBe(0);
});

test("a kill inside a container that lives on isn't inferred: only an exit is", () => {
  const { fleet, happens, record } = fleetAfter("start");
  fleet.details(containerDetails("web", { oomKilled: true }), true);
  expect(record("web").counters.oomEvents).toBe(0);
  happens("die", "web", { exitCode: "1" });
  fleet.details(OOM_KILLED, true);
  expect(record("web").counters.oomEvents).toBe(1);
});

test("fresh details are taken over as a whole", () => {
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

test("a container that has ended isn't unhealthy, as the engine calls it", () => {
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

test("details that are older than an event don't undo it, but tell what no event tells", () => {
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

test("the exit code of a running container is that of its last exit, not of inspect", () => {
  const { fleet, happens, record } = recordedFleet();
  fleet.details(containerDetails("web", { finishedAtNs: 5n, exitCode: 0 }), true);
  expect(record("web").lastExitCode).toBeUndefined();
  happens("die", "web", { exitCode: "7" });
  happens("start", "web");
  fleet.details(containerDetails("web", { finishedAtNs: 5n, exitCode: 0 }), true);
  expect(record("web").lastExitCode).toBe(7);
});

test("a container that never exited has no last exit", () => {
  const { fleet, record } = recordedFleet();
  fleet.details(containerDetails("web", { status: "created", startedAtNs: 0n }), true);
  expect(record("web")).toMatchObject({ lastExitCode: undefined, finishedAtNs: 0n });
});

test("what was before the watch is no change and counts nowhere", () => {
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

test("restarts by policy are counted by RestartCount, which a manual start sets back to 0", () => {
  const { fleet, record, changes } = fleetAfter("create", "start");
  const told = (restartCount: number, fresh = true): number => {
    fleet.details(containerDetails("web", { restartCount, startedAtNs: 77n }), fresh);
    return record("web").counters.restarts;
  };
  expect([told(0), told(1), told(1), told(3, false), told(0), told(0), told(2)]).toEqual([
    0, 1, 1, 3, 3, 3, 5,
  ]);
  expect(changes.slice(2).map(({ kind, detail, timeNs }) => [kind, detail, timeNs])).toEqual([
    ["container.restart", "restartCount=1", 77n],
    ["container.restart", "restartCount=2", 77n],
    ["container.restart", "restartCount=3", 77n],
    ["container.restart", "restartCount=1", 77n],
    ["container.restart", "restartCount=2", 77n],
  ]);
});

test("a lower RestartCount that isn't 0 counts from 0: the manual start went unseen", () => {
  const { fleet, record } = recordedFleet();
  fleet.details(containerDetails("web", { restartCount: 5 }), true);
  fleet.details(containerDetails("web", { restartCount: 2 }), true);
  expect(record("web").counters.restarts).toBe(2);
});

test("restarts of an old container that an event made known aren't counted", () => {
  const { fleet, record } = fleetAfter("die");
  fleet.details(containerDetails("web", { restartCount: 9 }), true);
  expect(record("web").counters.restarts).toBe(0);
  fleet.details(containerDetails("web", { restartCount: 10 }), true);
  expect(record("web").counters.restarts).toBe(1);
});

test("restarts of a container that was created under watch are counted from the first", () => {
  const { fleet, record } = fleetAfter("create", "start", "die", "start");
  fleet.details(containerDetails("web", { restartCount: 1 }), true);
  expect(record("web").counters.restarts).toBe(1);
});

test("a destroyed container stays for the retention, and isn't alive", () => {
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

test("the retention is for the destroyed alone", () => {
  const { fleet, record } = fleetAfter("create", "start", "die");
  fleet.forgetDestroyed(10n ** 30n);
  expect(record("web").status).toBe("exited");
});

test("a second destroy is none", () => {
  const { fleet, takeKinds } = fleetAfter("create", "destroy", "destroy");
  expect(takeKinds()).toEqual(["container.create", "container.destroy"]);
  expect(fleet.vanished(idOf("web"), 9n)).toBeUndefined();
});

test("a container that comes again under its name goes on counting", () => {
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

test("a container of the same name in another cluster has series of its own", () => {
  const { happens, record } = fleetAfter("create", "start", "destroy");
  happens("create", "web", { id: "second", "sind.cluster": "other" });
  expect(record("web").counters.starts).toBe(0);
});

test("after the retention a name begins at 0", () => {
  const { fleet, happens, record } = fleetAfter("create", "start", "destroy");
  fleet.forgetDestroyed(10n ** 30n);
  happens("create", "web", { id: "second" });
  expect(record("web").counters.starts).toBe(0);
});

test("an event of the destroyed one's id is of a container that is made known anew", () => {
  const { happens, record } = fleetAfter("create", "start", "destroy");
  happens("die", "web");
  expect(record("web")).toMatchObject({ destroyedAtNs: undefined, counters: { starts: 1 } });
});

test("a container that a listing lacks is told as destroyed, marked as found later", () => {
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

test("a renamed container goes on under the new name, its units too", () => {
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

test("two containers that swap their names are both kept", () => {
  const { fleet, happens, record } = recordedFleet();
  const rename = (id: string, to: string): void => {
    happens("rename", to, { id: idOf(id) });
  };
  happens("create", "a");
  happens("create", "b");
  rename("a", "tmp");
  rename("b", "a");
  // This was asked for before the names were swapped.
  fleet.details(containerDetails("a"), false);
  rename("a", "b");
  expect([...fleet.containers()].map(({ identity }) => identity.name).sort()).toEqual(["a", "b"]);
  expect(record("a").identity.id).toBe(idOf("b"));
  expect(record("b").identity.id).toBe(idOf("a"));
});

test("a name that only inspect tells is taken over", () => {
  const { fleet, record } = fleetAfter("create");
  fleet.details(
    containerDetails("web", { identity: identityOf("www", { id: idOf("web") }) }),
    true,
  );
  expect(record("www").identity.id).toBe(idOf("web"));
  expect([...fleet.containers()]).toHaveLength(1);
});

test("a listing that is folded in twice changes nothing the second time", () => {
  const { fleet, changes, record } = fleetAfter("create", "start");
  const listing = [
    containerDetails("web", { restartCount: 2, health: "healthy" }),
    containerDetails("db", { status: "exited", exitCode: 1, finishedAtNs: 9n, restartCount: 4 }),
  ];
  for (const details of listing) fleet.details(details, true);
  const told = changes.length;
  const shown = (name: string): unknown => {
    const { status, health, counters, lastExitCode, startedAtNs } = record(name);
    return structuredClone({ status, health, counters, lastExitCode, startedAtNs });
  };
  const before = [shown("web"), shown("db")];
  for (const details of listing) fleet.details(details, true);
  expect([shown("web"), shown("db")]).toEqual(before);
  expect(changes).toHaveLength(told);
  expect([...fleet.containers()]).toHaveLength(2);
});

test("systemd's units are gone with the container's process", () => {
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
  "%s is a name like any other",
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

test("an event that is older than what is known is counted and told, and changes no state", () => {
  const { fleet, record, takeKinds } = recordedFleet();
  const tell = (action: string, timeNs: bigint): void => {
    fleet.engineEvent(engineEvent(action, "web", { timeNs, exitCode: "9" }));
  };
  tell("create", 1n);
  tell("start", 20n);
  takeKinds();
  for (const action of ["create", "pause", "die"]) tell(action, 10n);
  expect(takeKinds()).toEqual(["container.create", "container.pause", "container.die"]);
  expect(record("web")).toMatchObject({ status: "running", startedAtNs: 20n });
  expect([...record("web").counters.exits]).toEqual([[9, 1]]);
  tell("unpause", 5n);
  expect(record("web").status).toBe("running");
});

test("a unit's counters go on where its container comes again under its name", () => {
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

test("room for series is given back by all that is gone, whichever way it went", () => {
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

test("a living container whose name another takes gives its room back once", () => {
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
  expect(1_000 - room()).toBe(2 * 36);
  // It lives on, and is told of under its old name.
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
  expect(1_000 - room()).toBe(2 * 36 + one);
  for (const id of fleet.ids()) fleet.vanished(id, 1n);
  fleet.forgetDestroyed(10n ** 30n);
  expect([...fleet.containers()]).toEqual([]);
  expect(room()).toBe(1_000);
});
