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
  /** What was counted, in the form of the model's truth. */
  readonly counted: () => ModelContainer["truth"];
  /** What was told since the last time this was asked: `die 1 recovered`. */
  readonly told: () => string[];
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
    told() {
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
  result.told();
  return result;
}

/** The same, running. */
function running(): Watched {
  const result = watched();
  result.container.start();
  result.see();
  result.told();
  return result;
}

test("where nothing was missed, nothing is told", () => {
  const { reconcile, told, container, see } = running();
  reconcile();
  reconcile();
  container.end();
  see();
  expect(told()).toEqual(["die 1"]);
  reconcile();
  expect(told()).toEqual([]);
});

test("a missed end is counted with its code and its time", () => {
  const { container, miss, reconcile, told, changes, record } = running();
  container.end(3);
  const { finishedAtNs } = container.inspect();
  miss();
  reconcile();
  expect(told()).toEqual(["die 3 recovered"]);
  expect(changes.at(-1)).toMatchObject({ timeNs: finishedAtNs, exitCode: 3 });
  expect(record("web")).toMatchObject({ status: "exited", lastExitCode: 3 });
  expect([...record("web").counters.exits]).toEqual([[3, 1]]);
});

test("a missed start is counted with its time", () => {
  const { container, miss, reconcile, told, changes } = watched();
  container.start();
  const { startedAtNs } = container.inspect();
  miss();
  reconcile();
  expect(told()).toEqual(["start recovered"]);
  expect(changes.at(-1)?.timeNs).toBe(startedAtNs);
});

test("a missed restart by hand is an end, whose code nobody knows any more, and a start", () => {
  const { container, miss, reconcile, told, changes, record } = running();
  container.end(3);
  container.start();
  const { startedAtNs, finishedAtNs } = container.inspect();
  miss();
  reconcile();
  expect(told()).toEqual(["die ? recovered", "start recovered"]);
  expect(changes.slice(-2).map(({ timeNs }) => timeNs)).toEqual([finishedAtNs, startedAtNs]);
  expect(record("web")).toMatchObject({ status: "running", lastExitCode: undefined });
});

test("missed restarts by policy are as many ends and starts, each at a time of its own", () => {
  const { container, miss, reconcile, told, changes, counted } = running();
  for (let crash = 0; crash < 3; crash++) {
    container.crash(crash);
    container.comeBack();
  }
  miss();
  reconcile();
  const life = ["die ? recovered", "start recovered"];
  const restart = "restart recovered";
  expect(told()).toEqual([...life, ...life, ...life, restart, restart, restart]);
  const lives = changes.slice(-9, -3).map(({ timeNs }) => timeNs);
  expect(lives.toSorted((a, b) => Number(a - b))).toEqual(lives);
  expect(new Set(lives).size).toBe(6);
  expect(counted()).toEqual(container.truth);
});

test("a policy that has given up: the last end has its code, those before don't", () => {
  const { container, miss, reconcile, told, counted } = running();
  container.crash(1);
  container.comeBack();
  container.end(2);
  miss();
  reconcile();
  expect(told()).toEqual([
    "die ? recovered",
    "start recovered",
    "die 2 recovered",
    "restart recovered",
  ]);
  expect(counted()).toEqual(container.truth);
});

test("a crash that waits for its restart is one end; the start that follows isn't missed", () => {
  const { container, miss, reconcile, see, told, counted } = running();
  container.crash(4);
  miss();
  reconcile();
  expect(told()).toEqual(["die 4 recovered", "restart recovered"]);
  container.comeBack();
  see();
  reconcile();
  expect(told()).toEqual(["start"]);
  expect(counted()).toEqual(container.truth);
});

test("what events tell after the snapshot did is the same change", () => {
  const { container, reconcile, see, told, counted, record } = running();
  container.crash(7);
  container.comeBack();
  reconcile();
  told();
  see();
  expect(told()).toEqual([]);
  expect(counted()).toEqual(container.truth);
  expect(record("web").status).toBe("running");
  container.end(8);
  see();
  expect(told()).toEqual(["die 8"]);
  expect(counted()).toEqual(container.truth);
});

test("the last exit's code comes with a late event where the snapshot has it no more", () => {
  const { container, reconcile, see, record } = running();
  container.end(7);
  container.start();
  reconcile();
  expect(record("web").lastExitCode).toBeUndefined();
  see();
  expect(record("web").lastExitCode).toBe(7);
});

test("pauses and health that were missed are told, where the life is the same", () => {
  const { fleet, container, told } = running();
  const inspected = container.inspect();
  fleet.reconcile({ ...inspected, status: "paused" }, 9n);
  fleet.reconcile({ ...inspected, status: "paused" }, 9n);
  fleet.reconcile({ ...inspected, health: "starting" }, 9n);
  fleet.reconcile({ ...inspected, health: "unhealthy" }, 9n);
  fleet.reconcile({ ...inspected, health: "unhealthy" }, 9n);
  expect(told()).toEqual(["pause recovered", "unpause recovered", "health recovered"]);
});

test("an OOM kill that was missed is told before the end it led to", () => {
  const { fleet, container, miss, told, counted } = running();
  container.end(137);
  miss();
  fleet.reconcile({ ...container.inspect(), oomKilled: true }, container.nowNs);
  fleet.reconcile({ ...container.inspect(), oomKilled: true }, container.nowNs);
  expect(told()).toEqual(["oom recovered", "die 137 recovered"]);
  expect(counted()).toEqual(container.truth);
});

test("systemd's units are gone where the container was found to have ended", () => {
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
  test("is taken as it is, where the first listing isn't complete", () => {
    const { fleet, changes, record } = recordedFleet();
    const old = containerDetails("web", { restartCount: 7, oomKilled: true, status: "exited" });
    fleet.reconcile({ ...old, finishedAtNs: 600n }, 1_000n);
    expect(changes).toEqual([]);
    expect(record("web").counters).toMatchObject({ starts: 0, restarts: 0, oomEvents: 0 });
  });

  test("was created since, where every container was known", () => {
    const { fleet, changes, record } = recordedFleet();
    fleet.complete();
    fleet.reconcile(containerDetails("web", { restartCount: 2 }), 1_000n);
    const kinds = changes.map(({ kind, recovered }) => `${kind}${recovered ? "" : "!"}`);
    expect(kinds.filter((kind) => kind.endsWith("!"))).toEqual([]);
    expect(changes[0]).toMatchObject({ kind: "container.create", timeNs: 400n });
    expect(record("web").counters).toMatchObject({ starts: 3, restarts: 2 });
    expect([...record("web").counters.exits]).toEqual([[undefined, 2]]);
  });

  test("tells what came after, like any other", () => {
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

test("a container that vanished while it ran has ended, nobody knows how, before it went", () => {
  const { fleet, told, record, counted } = running();
  fleet.vanished(idOf("web"), 99n);
  expect(told()).toEqual(["die ? recovered", "destroy recovered"]);
  expect(record("web")).toMatchObject({ status: "exited", lastExitCode: undefined });
  expect(counted()).toMatchObject({ starts: 1, exits: 1 });
});

test("an end that was seen isn't told again when the container goes", () => {
  const { fleet, container, see, told } = running();
  container.end();
  see();
  fleet.vanished(idOf("web"), 99n);
  expect(told()).toEqual(["die 1", "destroy recovered"]);
});

describe("a process that takes over from another", () => {
  test("goes on from what that knew, and finds what was missed meanwhile", () => {
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

  test("has nothing to go on from where too little is known, or nothing is left", () => {
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
      told: () =>
        changes.splice(0).map(({ kind, recovered }) => {
          return kind.replace("container.", "") + (recovered ? " recovered" : "");
        }),
    };
  }

  test("is shown as it is listed, and nothing of that is a change", () => {
    const { record, told, container } = listed((each) => each.start());
    expect(record("web")).toMatchObject({ status: "running", startedAtNs: 0n });
    expect(record("web").runsSystemd).toBeUndefined();
    expect(told()).toEqual([]);
    expect(container.status).toBe("running");
  });

  test("nothing that was so before is counted when it can be", () => {
    const { fleet, told, counted, container } = listed((each) => {
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
    expect(told()).toEqual([]);
    expect(counted()).toEqual({ starts: 0, restarts: 0, exits: 0 });
  });

  test.each(["running", "waiting for its restart"])(
    "%s: what was missed since is counted when it can be, the code with it",
    (how) => {
      const { container, miss, reconcile, told, record } = listed((each) => {
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
      expect(told()).toEqual([...end, "start recovered", "die recovered", ...restart]);
      expect(record("web").lastExitCode).toBe(4);
    },
  );

  test("restarts that events told of since are counted when it can be", () => {
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

  test("an end by hand after restarts of before is none of them", () => {
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

  test("what the next process finds is the same", () => {
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

  test("its state is set right by the list; it is counted once, when it can be inspected", () => {
    const { fleet, container, miss, reconcile, told, record } = running();
    container.end(3);
    miss();
    const { identity, status } = container.inspect();
    const context = { fresh: true, exact: true, nowNs: container.nowNs };
    fleet.listed({ identity, status }, { ...context, fresh: false, exact: false });
    expect(record("web").status).toBe("running");
    fleet.listed({ identity, status }, context);
    fleet.listed({ identity, status }, context);
    expect(record("web")).toMatchObject({ status: "exited", finishedAtNs: 0n });
    expect(told()).toEqual([]);
    reconcile();
    expect(told()).toEqual(["die 3 recovered"]);
    fleet.listed({ identity, status: "running" }, context);
    expect(record("web")).toMatchObject({ status: "running", startedAtNs: 0n });
    fleet.listed({ identity, status: "paused" }, context);
    expect(told()).toEqual(["pause recovered"]);
  });

  test("one that turns up later was created since", () => {
    const { fleet, told, container, reconcile, counted } = watched();
    fleet.vanished(idOf("web"), 1n);
    told();
    container.start();
    container.takeEvents();
    const { identity, status } = container.inspect();
    fleet.listed({ identity, status }, { fresh: true, exact: true, nowNs: container.nowNs });
    expect(told()).toEqual(["create recovered"]);
    reconcile();
    expect(told()).toEqual(["start recovered"]);
    expect(counted()).toEqual(container.truth);
  });
});

/** One random thing that can happen to the container now; by policy alone where `byPolicy`. */
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

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  "whatever is missed, what is counted is what happened (seed %d)",
  (seed) => {
    const random = seededRandom(seed);
    const { fleet, container, see, miss, reconcile, counted, record } = watched();
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
      expect(counted()).toEqual(container.truth);
      expect(record("web").status).toBe(container.status);
    }
  },
);

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  "however late the events of a gap come, nothing is counted twice (seed %d)",
  (seed) => {
    const random = seededRandom(seed);
    const { fleet, container, see, reconcile, counted, record } = watched();
    for (let turn = 0; turn < 60; turn++) {
      for (let step = random(6); step > 0; step--) live(container, random, true);
      if (random(4) === 0 && container.status === "running") container.end();
      const events = container.takeEvents();
      const late = random(events.length + 1);
      for (const event of events.slice(0, late)) fleet.engineEvent(event);
      reconcile();
      expect(counted()).toEqual(container.truth);
      for (const event of events.slice(late)) fleet.engineEvent(event);
      expect(counted()).toEqual(container.truth);
      fleet.details(container.inspect(), true);
      expect(record("web").status).toBe(container.status);
      if (container.status === "exited") container.start();
      see();
      fleet.details(container.inspect(), true);
      expect(counted()).toEqual(container.truth);
    }
  },
);
