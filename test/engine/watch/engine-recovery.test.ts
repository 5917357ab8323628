import { expect, test } from "@jest/globals";
import type { Change } from "../../../src/domain/change.ts";
import type { ContainerResume, CursorResume } from "../../../src/domain/resume.ts";
import { EngineWatch } from "../../../src/engine/watch/engine-watch.ts";
import { EventCursor } from "../../../src/engine/watch/event-cursor.ts";
import { EventBus } from "../../../src/state/event-bus.ts";
import { idOf } from "../../support/engine-facts.ts";
import type { FakeClock } from "../../support/fake-clock.ts";
import type { ModelContainer } from "../../support/model-container.ts";
import { ModelEngine } from "../../support/model-engine.ts";
import { recordedFleet, type RecordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { turns } from "../../support/turns.ts";

interface Resume {
  readonly cursor: CursorResume;
  readonly containers: readonly ContainerResume[];
}

interface Watching extends RecordedFleet, AsyncDisposable {
  readonly clock: FakeClock;
  readonly watch: EngineWatch;
  /** All changes, including those of the watch. */
  readonly all: Change[];
  readonly log: readonly string[];
  readonly uninspected: () => number;
  /** Delivers events and answers until no request is open. */
  settle(): Promise<void>;
  /** Returns the resume point of the next process. */
  resume(): Resume;
}

function watching(engine: ModelEngine, resume?: Resume): Watching {
  const recorded = recordedFleet();
  const { fleet } = recorded;
  const clock = engine.clock();
  const { log, lines } = recordedLog(clock);
  const all: Change[] = [];
  let uninspected = 0;
  const cursor = new EventCursor();
  if (resume !== undefined) {
    fleet.restore(resume.containers);
    cursor.restore(resume.cursor);
  }
  const bus = new EventBus(log);
  bus.subscribe("change", (change) => void all.push(change));
  bus.subscribe("parseError", ({ source }) => {
    if (source === "inspect") uninspected++;
  });
  const watch = new EngineWatch({
    source: engine,
    fleet,
    clock,
    log,
    cursor,
    bus,
    snapshotIntervalMs: 600_000,
  });
  const end = new AbortController();
  const done = watch.run(end.signal);
  return {
    ...recorded,
    clock,
    watch,
    all,
    log: lines,
    uninspected: () => uninspected,
    async settle() {
      await turns(20);
      if (!watch.up) await clock.advance(31_000);
      for (let i = 0; i < 3; i++) {
        await turns(20);
        engine.deliver();
      }
      await turns(20);
    },
    resume() {
      const position = cursor.resume();
      if (position === undefined) throw new Error("nothing to go on from");
      const records = [...fleet.containers()].map((record) => record.resume());
      return { cursor: position, containers: records.filter((each) => each !== undefined) };
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await turns();
      await clock.advance(1_000);
      await done;
    },
  };
}

interface Totals {
  starts: number;
  exits: number;
  restarts: number;
}

function addCounted(sum: Map<string, Totals>, { fleet }: RecordedFleet): void {
  for (const record of fleet.containers()) {
    const { starts, restarts, exits } = record.counters;
    const before = sum.get(record.identity.name) ?? { starts: 0, exits: 0, restarts: 0 };
    sum.set(record.identity.name, {
      starts: before.starts + starts,
      exits: before.exits + [...exits.values()].reduce((all, count) => all + count, 0),
      restarts: before.restarts + restarts,
    });
  }
}

/** Does one random action on the container; only its restart policy's if `byPolicy`. */
function live(container: ModelContainer, random: (n: number) => number, byPolicy: boolean): void {
  switch (container.status) {
    case "running":
      if (byPolicy || random(2) === 0) container.crash(random(3));
      else container.end(random(3));
      break;
    case "restarting":
      container.comeBack();
      break;
    default:
      if (!byPolicy) container.start();
  }
}

const SEEDS = Array.from({ length: 10 }, (_, seed) => seed);

/** Requests with events meanwhile, if inspections fail: each such request causes more. */
const EVENTFUL = 12;

test.each(SEEDS.flatMap((seed) => [[seed, "none"] as const, [seed, "some"] as const]))(
  "misses nothing while the engine replays all (seed %d, %s inspections fail)",
  async (seed, broken) => {
    const random = seededRandom(seed);
    const engine = new ModelEngine();
    const everyone: ModelContainer[] = [];
    const add = (): void => void everyone.push(engine.create(`web-${everyone.length}`));
    for (let i = 0; i < 3; i++) add();
    const step = (): void => {
      const all = [...engine.containers.values()];
      const container = all[random(all.length)];
      if (container === undefined || random(12) === 0) add();
      else if (random(20) === 0 && container.status === "exited") engine.remove(container);
      else if (broken === "some" && random(5) === 0) engine.toggle(container);
      else engine.happen(container, (each) => live(each, random, false));
    };
    const sum = new Map<string, Totals>();
    let now = watching(engine);
    await now.settle();
    let eventful = 0;
    engine.meanwhile = () => {
      if (broken === "some" && eventful-- <= 0) return;
      for (let i = random(3); i > 0; i--) step();
      if (random(3) === 0) engine.deliver(random(4));
    };
    for (let turn = 0; turn < 25; turn++) {
      eventful = EVENTFUL;
      for (let i = random(8); i > 0; i--) step();
      engine.deliver(random(6));
      await turns(random(4));
      if (random(3) === 0) engine.cut();
      if (random(5) === 0) {
        // Killed after everything was stored; another process resumes.
        const resume = now.resume();
        addCounted(sum, now);
        expect(now.fleet.recovered).toBe(0);
        await now[Symbol.asyncDispose]();
        for (let i = random(8); i > 0; i--) step();
        now = watching(engine, structuredClone(resume));
      }
      await now.settle();
    }
    engine.meanwhile = () => {};
    engine.broken.clear();
    await now.clock.advance(31_000);
    for (let i = 0; i < 3; i++) await now.settle();
    addCounted(sum, now);
    for (const { name, truth } of everyone) {
      // Only inspect shows policy restarts, and a manual start resets their count.
      const { starts, exits } = truth;
      expect({ name, ...sum.get(name) }).toMatchObject({ name, starts, exits });
    }
    for (const container of engine.containers.values()) {
      expect(now.record(container.name).status).toBe(container.status);
    }
    expect(now.fleet.recovered).toBe(0);
    await now[Symbol.asyncDispose]();
  },
);

test.each(SEEDS)(
  "recovers the number of changes that the engine has dropped (seed %d)",
  async (seed) => {
    const random = seededRandom(seed);
    const engine = new ModelEngine();
    const everyone = ["a", "b", "c"].map((name) => engine.create(name));
    const sum = new Map<string, Totals>();
    let now = watching(engine);
    await now.settle();
    for (const container of everyone) engine.happen(container, (each) => each.start());
    await now.settle();
    for (let turn = 0; turn < 15; turn++) {
      const loses = random(4);
      engine.down = loses === 0;
      for (const container of everyone) {
        for (let i = random(5); i > 0; i--) {
          engine.happen(container, (each) => live(each, random, true));
        }
        // After a manual stop the policy does nothing: the next start is manual, one a gap.
        if (random(4) === 0 && container.status === "running") {
          engine.happen(container, (each) => each.end());
        }
      }
      engine.deliver(random(3));
      if (loses === 1) engine.lose();
      if (random(3) > 0) engine.forget();
      engine.down = false;
      if (random(4) === 0) {
        const resume = now.resume();
        addCounted(sum, now);
        await now[Symbol.asyncDispose]();
        now = watching(engine, structuredClone(resume));
      }
      await now.settle();
      await now.clock.advance(600_000);
      await now.settle();
      for (const container of everyone) {
        if (container.status === "exited") engine.happen(container, (each) => each.start());
      }
      await now.settle();
      for (const { name, status } of everyone) expect(now.record(name).status).toBe(status);
    }
    addCounted(sum, now);
    for (const { name, truth } of everyone) expect([name, sum.get(name)]).toEqual([name, truth]);
    await now[Symbol.asyncDispose]();
  },
);

test.each(SEEDS)(
  "recovers missed changes of a container when its inspection succeeds again (seed %d)",
  async (seed) => {
    const random = seededRandom(seed);
    const engine = new ModelEngine();
    const everyone = ["a", "b", "c"].map((name) => engine.create(name));
    await using now = watching(engine);
    await now.settle();
    for (const container of everyone) engine.happen(container, (each) => each.start());
    await now.settle();
    for (let turn = 0; turn < 10; turn++) {
      for (const { name } of everyone) if (random(2) === 0) engine.broken.add(name);
      for (let gap = random(3); gap >= 0; gap--) {
        for (const container of everyone) {
          for (let i = random(4); i > 0; i--) {
            engine.happen(container, (each) => live(each, random, true));
          }
        }
        engine.deliver(random(3));
        if (random(2) === 0) engine.forget();
        await now.settle();
        for (const { name, status } of everyone) expect(now.record(name).status).toBe(status);
      }
      engine.broken.clear();
      await now.clock.advance(31_000);
      await now.settle();
      for (const { name, truth } of everyone) {
        const { starts, restarts, exits } = now.record(name).counters;
        const sum = [...exits.values()].reduce((all, count) => all + count, 0);
        expect([name, { starts, restarts, exits: sum }]).toEqual([name, truth]);
      }
    }
    expect(now.uninspected()).toBeGreaterThan(0);
  },
);

test.each(SEEDS)(
  "counts nothing from before the watch, whichever inspections fail (seed %d)",
  async (seed) => {
    const random = seededRandom(seed);
    const engine = new ModelEngine();
    const everyone = ["a", "b", "c"].map((name) => engine.create(name));
    const liveABit = (container: ModelContainer): void => {
      for (let i = random(5); i > 0; i--) {
        engine.happen(container, (each) => live(each, random, true));
      }
    };
    for (const container of everyone) {
      engine.happen(container, (each) => each.start());
      liveABit(container);
      if (random(2) === 0) engine.broken.add(container.name);
    }
    const past = new Map(everyone.map(({ name, truth }) => [name, { ...truth }]));
    engine.time.nowNs += 1_000_000_000n;
    const sum = new Map<string, Totals>();
    let now = watching(engine);
    await now.settle();
    for (let turn = 0; turn < 10; turn++) {
      everyone.forEach(liveABit);
      engine.deliver(random(3));
      if (random(2) === 0) engine.cut();
      if (random(4) === 0) {
        const resume = now.resume();
        addCounted(sum, now);
        await now[Symbol.asyncDispose]();
        now = watching(engine, structuredClone(resume));
      }
      await now.settle();
      for (const { name, status } of everyone) expect(now.record(name).status).toBe(status);
      engine.broken.clear();
      for (const { name } of everyone) if (random(4) === 0) engine.broken.add(name);
      await now.clock.advance(31_000);
      await now.settle();
    }
    engine.broken.clear();
    await now.clock.advance(31_000);
    await now.settle();
    addCounted(sum, now);
    for (const { name, truth } of everyone) {
      const { starts = 0, exits = 0, restarts = 0 } = past.get(name) ?? {};
      expect([name, sum.get(name)]).toEqual([
        name,
        {
          starts: truth.starts - starts,
          exits: truth.exits - exits,
          restarts: truth.restarts - restarts,
        },
      ]);
    }
    await now[Symbol.asyncDispose]();
  },
);

test("recovers events that the stream lost in the next snapshot", async () => {
  const engine = new ModelEngine();
  const web = engine.create("web");
  await using now = watching(engine);
  await now.settle();
  engine.happen(web, (each) => each.start());
  await now.settle();
  engine.happen(web, (each) => each.end(1));
  engine.happen(web, (each) => each.start());
  engine.happen(web, (each) => each.end(3));
  engine.lose();
  await now.settle();
  await now.clock.advance(599_000);
  expect(now.record("web").status).toBe("running");
  await now.clock.advance(1_000);
  await now.settle();
  expect(now.record("web")).toMatchObject({ status: "exited", lastExitCode: 3 });
  expect(now.fleet.recovered).toBe(3);
  expect(now.log).toContain('level=warn msg="missed changes recovered" recovered=3');
  await now.clock.advance(600_000);
  await now.settle();
  expect(now.fleet.recovered).toBe(3);
});

test("emits one destroy when a listing lacks a container", async () => {
  const engine = new ModelEngine();
  const [kept, lost] = ["kept", "lost"].map((name) => engine.create(name));
  if (kept === undefined || lost === undefined) throw new Error("no containers");
  await using now = watching(engine);
  await now.settle();
  engine.happen(lost, (each) => each.start());
  await now.settle();
  now.takeKinds();
  engine.remove(lost);
  engine.forget();
  await now.settle();
  await now.settle();
  expect(now.takeKinds()).toEqual(["container.die", "container.destroy"]);
  expect(now.changes.slice(-2).every((change) => change.recovered)).toBe(true);
  expect(now.all.at(-1)).toMatchObject({
    kind: "monitor.recovered",
    detail: "docker events stream restored, 2 missed changes found",
  });
  expect(now.fleet.get(idOf("kept"))).toBeDefined();
});

test("emits a destroy as not recovered when the engine replays it", async () => {
  const engine = new ModelEngine();
  const gone = engine.create("gone");
  await using now = watching(engine);
  await now.settle();
  now.takeKinds();
  engine.cut();
  engine.remove(gone);
  await now.settle();
  expect(now.takeKinds()).toEqual(["container.destroy"]);
  expect(now.fleet.recovered).toBe(0);
});

test("recovers changes when the engine has no replay", async () => {
  const engine = new ModelEngine();
  Object.defineProperty(engine, "replay", { value: undefined });
  const web = engine.create("web");
  await using now = watching(engine);
  await now.settle();
  now.takeKinds();
  engine.happen(web, (each) => each.start());
  engine.forget();
  await now.settle();
  expect(now.takeKinds()).toEqual(["container.start"]);
  expect(now.fleet.recovered).toBe(1);
});

test("logs the recovered changes when it resumes", async () => {
  const engine = new ModelEngine();
  const web = engine.create("web");
  const before = watching(engine);
  await before.settle();
  expect(before.log.join("\n")).not.toContain("resume point");
  const resume = before.resume();
  await before[Symbol.asyncDispose]();
  engine.happen(web, (each) => each.start());
  engine.forget();
  await using after = watching(engine, resume);
  await after.settle();
  expect(after.log).toContain('level=info msg="resumed from stored position" recovered=1');
});
