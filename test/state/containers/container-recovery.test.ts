import { describe, expect, test } from "@jest/globals";
import { containerDetails, idOf } from "../../support/engine-facts.ts";
import { ModelContainer } from "../../support/model-container.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import type { RecordedFleet } from "../../support/recorded-fleet.ts";
import { seededRandom } from "../../support/seeded-random.ts";

interface Watched extends RecordedFleet {
  readonly container: ModelContainer;
  /** Lets the fleet see the events that came since. */
  readonly see: () => void;
  /** Lets the events that came since get lost. */
  readonly miss: () => void;
  readonly reconcile: () => void;
  /** Returns the counts in the form of the model's truth. */
  readonly counted: () => ModelContainer["truth"];
  /** Changes that were emitted since the last call: `die 1 recovered`. */
  readonly emitted: () => string[];
}

/** A container that is watched from its creation on. */
function watched(): Watched {
  const recorded = recordedFleet();
  const { fleet, changes, record } = recorded;
  const container = new ModelContainer("web");
  let seen = 0;
  fleet.complete();
  const result: Watched = {
    ...recorded,
    container,
    see() {
      for (const event of container.takeEvents()) fleet.engineEvent(event);
    },
    miss: () => void container.takeEvents(),
    reconcile: () => void fleet.reconcile(container.inspect(), container.nowNs),
    counted() {
      const { starts, restarts, exits } = record("web").counters;
      return { starts, restarts, exits: [...exits.values()].reduce((sum, n) => sum + n, 0) };
    },
    emitted() {
      const takeKinds = changes.slice(seen);
      seen = changes.length;
      return takeKinds.map((change) => {
        const what = change.kind.replace("container.", "");
        const code = change.kind === "container.die" ? ` ${change.exitCode ?? "?"}` : "";
        return `${what}${code}${change.recovered ? " recovered" : ""}`;
      });
    },
  };
  container.create();
  result.see();
  result.emitted();
  return result;
}

/** The same, running. */
function running(): Watched {
  const result = watched();
  result.container.start();
  result.see();
  result.emitted();
  return result;
}

test("emits nothing when nothing was missed", () => {
  const { reconcile, emitted, container, see } = running();
  reconcile();
  reconcile();
  container.end();
  see();
  expect(emitted()).toEqual(["die 1"]);
  reconcile();
  expect(emitted()).toEqual([]);
});

test("counts an end with its code and time when it was missed", () => {
  const { container, miss, reconcile, emitted, changes, record } = running();
  container.end(3);
  const { finishedAtNs } = container.inspect();
  miss();
  reconcile();
  expect(emitted()).toEqual(["die 3 recovered"]);
  expect(changes.at(-1)).toMatchObject({ timeNs: finishedAtNs, exitCode: 3 });
  expect(record("web")).toMatchObject({ status: "exited", lastExitCode: 3 });
  expect([...record("web").counters.exits]).toEqual([[3, 1]]);
});

test("counts a start with its time when it was missed", () => {
  const { container, miss, reconcile, emitted, changes } = watched();
  container.start();
  const { startedAtNs } = container.inspect();
  miss();
  reconcile();
  expect(emitted()).toEqual(["start recovered"]);
  expect(changes.at(-1)?.timeNs).toBe(startedAtNs);
});

test("counts an end without a code and a start when a manual restart was missed", () => {
  const { container, miss, reconcile, emitted, changes, record } = running();
  container.end(3);
  container.start();
  const { startedAtNs, finishedAtNs } = container.inspect();
  miss();
  reconcile();
  expect(emitted()).toEqual(["die ? recovered", "start recovered"]);
  expect(changes.slice(-2).map(({ timeNs }) => timeNs)).toEqual([finishedAtNs, startedAtNs]);
  expect(record("web")).toMatchObject({ status: "running", lastExitCode: undefined });
});

test("counts as many ends and starts, each with its own time, when policy restarts were missed", () => {
  const { container, miss, reconcile, emitted, changes, counted } = running();
  for (let crash = 0; crash < 3; crash++) {
    container.crash(crash);
    container.comeBack();
  }
  miss();
  reconcile();
  const life = ["die ? recovered", "start recovered"];
  const restart = "restart recovered";
  expect(emitted()).toEqual([...life, ...life, ...life, restart, restart, restart]);
  const times = changes.slice(-9, -3).map(({ timeNs }) => timeNs);
  expect(times.toSorted((a, b) => Number(a - b))).toEqual(times);
  expect(new Set(times).size).toBe(6);
  expect(counted()).toEqual(container.truth);
});

test("gives only the last end its code when the policy has stopped restarting", () => {
  const { container, miss, reconcile, emitted, counted } = running();
  container.crash(1);
  container.comeBack();
  container.end(2);
  miss();
  reconcile();
  expect(emitted()).toEqual([
    "die ? recovered",
    "start recovered",
    "die 2 recovered",
    "restart recovered",
  ]);
  expect(counted()).toEqual(container.truth);
});

test("counts one end, and no missed start, when a crash waits for its restart", () => {
  const { container, miss, reconcile, see, emitted, counted } = running();
  container.crash(4);
  miss();
  reconcile();
  expect(emitted()).toEqual(["die 4 recovered", "restart recovered"]);
  container.comeBack();
  see();
  reconcile();
  expect(emitted()).toEqual(["start"]);
  expect(counted()).toEqual(container.truth);
});

test("counts once when events report what a snapshot reported first", () => {
  const { container, reconcile, see, emitted, counted, record } = running();
  container.crash(7);
  container.comeBack();
  reconcile();
  emitted();
  see();
  expect(emitted()).toEqual([]);
  expect(counted()).toEqual(container.truth);
  expect(record("web").status).toBe("running");
  container.end(8);
  see();
  expect(emitted()).toEqual(["die 8"]);
  expect(counted()).toEqual(container.truth);
});

test("takes the last exit's code from a late event when the snapshot has lost it", () => {
  const { container, reconcile, see, record } = running();
  container.end(7);
  container.start();
  reconcile();
  expect(record("web").lastExitCode).toBeUndefined();
  see();
  expect(record("web").lastExitCode).toBe(7);
});

test("emits missed pauses and health when the run is the same", () => {
  const { fleet, container, emitted } = running();
  const inspected = container.inspect();
  fleet.reconcile({ ...inspected, status: "paused" }, 9n);
  fleet.reconcile({ ...inspected, status: "paused" }, 9n);
  fleet.reconcile({ ...inspected, health: "starting" }, 9n);
  fleet.reconcile({ ...inspected, health: "unhealthy" }, 9n);
  fleet.reconcile({ ...inspected, health: "unhealthy" }, 9n);
  expect(emitted()).toEqual(["pause recovered", "unpause recovered", "health recovered"]);
});

test("emits a missed OOM kill before its end", () => {
  const { fleet, container, miss, emitted, counted } = running();
  container.end(137);
  miss();
  fleet.reconcile({ ...container.inspect(), oomKilled: true }, container.nowNs);
  fleet.reconcile({ ...container.inspect(), oomKilled: true }, container.nowNs);
  expect(emitted()).toEqual(["oom recovered", "die 137 recovered"]);
  expect(counted()).toEqual(container.truth);
});

test("unloads systemd's units when inspect shows that the container has ended", () => {
  const { container, miss, reconcile, record } = running();
  const { systemd } = record("web");
  systemd.take({
    kind: "listed",
    rows: [{ name: "a.service", activeState: "active", subState: "running" }],
    asOfNs: 0n,
  });
  container.end();
  miss();
  reconcile();
  expect(systemd.up).toBe(false);
  expect(systemd.units.get("a.service")).toBeUndefined();
});

describe("a container that a listing shows for the first time", () => {
  test("is no change when the first listing isn't complete", () => {
    const { fleet, changes, record } = recordedFleet();
    const old = containerDetails("web", { restartCount: 7, oomKilled: true, status: "exited" });
    fleet.reconcile({ ...old, finishedAtNs: 600n }, 1_000n);
    expect(changes).toEqual([]);
    expect(record("web").counters).toMatchObject({ starts: 0, restarts: 0, oomEvents: 0 });
  });

  test("is created when every container was known", () => {
    const { fleet, changes, record } = recordedFleet();
    fleet.complete();
    fleet.reconcile(containerDetails("web", { restartCount: 2 }), 1_000n);
    const kinds = changes.map(({ kind, recovered }) => `${kind}${recovered ? "" : "!"}`);
    expect(kinds.filter((kind) => kind.endsWith("!"))).toEqual([]);
    expect(changes[0]).toMatchObject({ kind: "container.create", timeNs: 400n });
    expect(record("web").counters).toMatchObject({ starts: 3, restarts: 2 });
    expect([...record("web").counters.exits]).toEqual([[undefined, 2]]);
  });

  test("emits later changes when it is known", () => {
    const { fleet, record, takeKinds } = recordedFleet();
    fleet.reconcile(containerDetails("web"), 1_000n);
    fleet.complete();
    takeKinds();
    fleet.reconcile(
      containerDetails("web", { status: "exited", finishedAtNs: 700n, exitCode: 5 }),
      1_000n,
    );
    expect(takeKinds()).toEqual(["container.die"]);
    expect([...record("web").counters.exits]).toEqual([[5, 1]]);
  });
});

test("counts an end without a code when a running container vanishes", () => {
  const { fleet, emitted, record, counted } = running();
  fleet.vanished(idOf("web"), 99n);
  expect(emitted()).toEqual(["die ? recovered", "destroy recovered"]);
  expect(record("web")).toMatchObject({ status: "exited", lastExitCode: undefined });
  expect(counted()).toMatchObject({ starts: 1, exits: 1 });
});

test("emits no second end when a container whose end was seen is removed", () => {
  const { fleet, container, see, emitted } = running();
  container.end();
  see();
  fleet.vanished(idOf("web"), 99n);
  expect(emitted()).toEqual(["die 1", "destroy recovered"]);
});

describe("a process that takes over from another", () => {
  test("recovers what was missed when it goes on from an earlier process", () => {
    const before = running();
    before.reconcile();
    const resume = before.record("web").resume();
    if (resume === undefined) throw new Error("nothing to resume from");
    const { container } = before;
    container.crash();
    container.comeBack();
    container.end(6);

    const { fleet, changes, record } = recordedFleet();
    fleet.restore([resume]);
    expect(changes).toEqual([]);
    expect(record("web")).toMatchObject({ status: "running", startedAtNs: resume.startedAtNs });
    fleet.reconcile(container.inspect(), container.nowNs);
    expect(changes.map(({ kind, recovered }) => [kind, recovered])).toEqual([
      ["container.die", true],
      ["container.start", true],
      ["container.die", true],
      ["container.restart", true],
    ]);
    expect(record("web").lastExitCode).toBe(6);
  });

  test("has no resume when runs are unknown or the container is removed", () => {
    const { fleet, record, happens } = recordedFleet();
    happens("die", "web");
    expect(record("web").resume()).toBeUndefined();
    fleet.complete();
    happens("create", "db");
    expect(record("db").resume()).toMatchObject({ status: "created" });
    happens("destroy", "db");
    expect(record("db").resume()).toBeUndefined();
  });
});

describe("a container that can't be inspected", () => {
  /** Listed when nothing was known; then the fleet is complete. */
  function listed(prepare: (container: ModelContainer) => void): Watched {
    const result = { ...watched(), ...recordedFleet() };
    const { container, fleet, changes, record } = result;
    prepare(container);
    container.takeEvents();
    const { identity, status } = container.inspect();
    fleet.listed({ identity, status }, { fresh: true, exact: true, nowNs: container.nowNs });
    fleet.complete();
    return {
      ...result,
      see() {
        for (const event of container.takeEvents()) fleet.engineEvent(event);
      },
      reconcile: () => void fleet.reconcile(container.inspect(), container.nowNs),
      counted() {
        const { starts, restarts, exits } = record("web").counters;
        return { starts, restarts, exits: [...exits.values()].reduce((sum, n) => sum + n, 0) };
      },
      emitted: () =>
        changes.splice(0).map(({ kind, recovered }) => {
          return kind.replace("container.", "") + (recovered ? " recovered" : "");
        }),
    };
  }

  test("is shown as listed, without a change, when it is listed first", () => {
    const { record, emitted, container } = listed((each) => each.start());
    expect(record("web")).toMatchObject({ status: "running", startedAtNs: 0n });
    expect(record("web").runsSystemd).toBeUndefined();
    expect(emitted()).toEqual([]);
    expect(container.status).toBe("running");
  });

  test("counts nothing from before when it can be inspected", () => {
    const { fleet, emitted, counted, container } = listed((each) => {
      each.start();
      for (let crash = 0; crash < 3; crash++) {
        each.crash();
        each.comeBack();
      }
      each.end(137);
    });
    const details = { ...container.inspect(), oomKilled: true };
    fleet.reconcile(details, container.nowNs);
    fleet.reconcile(details, container.nowNs);
    expect(emitted()).toEqual([]);
    expect(counted()).toEqual({ starts: 0, restarts: 0, exits: 0 });
  });

  test.each(["running", "waiting for its restart"])(
    "counts what was missed, with its code, when it is %s and can be inspected",
    (how) => {
      const { container, miss, reconcile, emitted, record } = listed((each) => {
        each.start();
        each.crash();
        if (how === "running") each.comeBack();
      });
      if (how === "running") container.crash();
      container.comeBack();
      container.end(4);
      miss();
      reconcile();
      reconcile();
      const end = how === "running" ? ["die recovered"] : [];
      const restart = how === "running" ? ["restart recovered"] : [];
      expect(emitted()).toEqual([...end, "start recovered", "die recovered", ...restart]);
      expect(record("web").lastExitCode).toBe(4);
    },
  );

  test("counts restarts that events reported when it can be inspected", () => {
    const { container, see, reconcile, counted, record } = listed((each) => {
      each.start();
      each.crash();
      each.comeBack();
    });
    container.crash(1);
    see();
    container.comeBack();
    see();
    container.crash(2);
    see();
    expect(counted()).toEqual({ starts: 1, restarts: 0, exits: 2 });
    reconcile();
    reconcile();
    expect(counted()).toEqual({ starts: 1, restarts: 2, exits: 2 });
    expect(record("web").lastExitCode).toBe(2);
  });

  test("counts no earlier restart when it ends by hand", () => {
    const { container, see, reconcile, counted } = listed((each) => {
      each.start();
      each.crash();
      each.comeBack();
    });
    container.end(0);
    see();
    reconcile();
    expect(counted()).toEqual({ starts: 0, restarts: 0, exits: 1 });
  });

  test("counts the same when the next process inspects it", () => {
    const before = listed((each) => each.start());
    const resume = before.record("web").resume();
    if (resume === undefined) throw new Error("nothing to resume from");
    before.container.crash();
    before.container.comeBack();
    const { fleet, record } = recordedFleet();
    fleet.restore([resume]);
    fleet.reconcile(before.container.inspect(), before.container.nowNs);
    const { starts, restarts, exits } = record("web").counters;
    expect([starts, restarts, [...exits]]).toEqual([1, 1, [[undefined, 1]]]);
  });

  test("is corrected by the list, and counts once, when it can be inspected", () => {
    const { fleet, container, miss, reconcile, emitted, record } = running();
    container.end(3);
    miss();
    const { identity, status } = container.inspect();
    const context = { fresh: true, exact: true, nowNs: container.nowNs };
    fleet.listed({ identity, status }, { ...context, fresh: false, exact: false });
    expect(record("web").status).toBe("running");
    fleet.listed({ identity, status }, context);
    fleet.listed({ identity, status }, context);
    expect(record("web")).toMatchObject({ status: "exited", finishedAtNs: 0n });
    expect(emitted()).toEqual([]);
    reconcile();
    expect(emitted()).toEqual(["die 3 recovered"]);
    fleet.listed({ identity, status: "running" }, context);
    expect(record("web")).toMatchObject({ status: "running", startedAtNs: 0n });
    fleet.listed({ identity, status: "paused" }, context);
    expect(emitted()).toEqual(["pause recovered"]);
  });

  test("is created when it appears after the first listing", () => {
    const { fleet, emitted, container, reconcile, counted } = watched();
    fleet.vanished(idOf("web"), 1n);
    emitted();
    container.start();
    container.takeEvents();
    const { identity, status } = container.inspect();
    fleet.listed({ identity, status }, { fresh: true, exact: true, nowNs: container.nowNs });
    expect(emitted()).toEqual(["create recovered"]);
    reconcile();
    expect(emitted()).toEqual(["start recovered"]);
    expect(counted()).toEqual(container.truth);
  });
});

/** One random thing that can happen to the container now; with `byPolicy`, by policy alone. */
function live(
  container: ModelContainer,
  random: (bound: number) => number,
  byPolicy: boolean,
): void {
  switch (container.status) {
    case "running":
      if (byPolicy || random(2) === 0) container.crash(random(3));
      else container.end(random(3));
      break;
    case "restarting":
      if (random(4) > 0 || byPolicy) container.comeBack();
      break;
    default:
      if (!byPolicy) container.start();
  }
}

/**
 * Compares counts and state with the truth many times, at a fraction of an assertion's cost. Returns
 * the differences.
 */
function differences({ container, counted, record }: Watched): {
  readonly found: readonly unknown[];
  readonly compareCounts: () => void;
  readonly compareStatus: () => void;
} {
  const found: unknown[] = [];
  return {
    found,
    compareCounts() {
      const [seen, truth] = [counted(), container.truth];
      const isSame =
        seen.starts === truth.starts &&
        seen.exits === truth.exits &&
        seen.restarts === truth.restarts;
      if (!isSame) found.push({ seen, truth: { ...truth } });
    },
    compareStatus() {
      const [seen, truth] = [record("web").status, container.status];
      if (seen !== truth) found.push({ seen, truth });
    },
  };
}

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  "counts what happened when any events are missed (seed %d)",
  (seed) => {
    const random = seededRandom(seed);
    const web = watched();
    const { fleet, container, see, miss, reconcile } = web;
    const { found, compareCounts, compareStatus } = differences(web);
    for (let turn = 0; turn < 60; turn++) {
      // Under watch: events, and now and then what inspect says after them, but always after a
      // start by hand, which sets RestartCount back.
      for (let step = random(4); step > 0; step--) {
        const isByHand = container.status === "exited";
        live(container, random, false);
        see();
        if (isByHand || random(2) === 0) fleet.details(container.inspect(), true);
      }
      fleet.details(container.inspect(), true);
      // A gap: of more than one start by hand the engine keeps no trace, so there is none or one.
      const byHand = random(3) === 0 && container.status === "running";
      if (byHand) {
        container.end(random(3));
        if (random(2) === 0) container.start();
      } else {
        for (let step = random(8); step > 0; step--) live(container, random, true);
      }
      miss();
      reconcile();
      compareCounts();
      compareStatus();
    }
    expect(found).toEqual([]);
  },
);

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  "counts nothing twice when the events of a gap come late (seed %d)",
  (seed) => {
    const random = seededRandom(seed);
    const web = watched();
    const { fleet, container, see, reconcile } = web;
    const { found, compareCounts, compareStatus } = differences(web);
    for (let turn = 0; turn < 60; turn++) {
      for (let step = random(6); step > 0; step--) live(container, random, true);
      if (random(4) === 0 && container.status === "running") container.end();
      const events = container.takeEvents();
      const late = random(events.length + 1);
      for (const event of events.slice(0, late)) fleet.engineEvent(event);
      reconcile();
      compareCounts();
      for (const event of events.slice(late)) fleet.engineEvent(event);
      compareCounts();
      fleet.details(container.inspect(), true);
      compareStatus();
      if (container.status === "exited") container.start();
      see();
      fleet.details(container.inspect(), true);
      compareCounts();
    }
    expect(found).toEqual([]);
  },
);

test("counts more missed restarts than a call takes arguments", () => {
  const { fleet, record } = recordedFleet();
  fleet.details(containerDetails("web"), true);
  fleet.complete();
  fleet.reconcile(containerDetails("web", { restartCount: 200_000 }), 9n);
  expect(record("web").counters.restarts).toBe(200_000);
});
