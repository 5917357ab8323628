import { describe, expect, test } from "@jest/globals";
import {
  RIGS,
  RIGS_WITH_OWNER,
  type SessionRig,
  standing,
} from "../../support/systemd/session-rig.ts";

const RUNNING = { activeState: "active", subState: "running" };
const IDLE = { activeState: "inactive", subState: "dead" };

async function finish({ abort, done, clock }: SessionRig): Promise<void> {
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
}

describe.each(RIGS)("a session over %s", (_name, start) => {
  test("attaches, reads the journal, lists, then reads the manager", async () => {
    const rig = await start({ units: { "a.service": RUNNING, "b.service": IDLE }, sinceNs: 1n });
    await rig.saw(/^manager/);
    expect(rig.steps()).toEqual([
      "attached",
      "read journal",
      "recovered 0",
      "list units",
      "listed 2",
      "read manager",
      expect.stringMatching(/^manager 252\S* running$/),
    ]);
    expect([...rig.sink.rows]).toEqual([
      ["a.service", "active/running"],
      ["b.service", "inactive/dead"],
    ]);
    await finish(rig);
  });

  test("reads no journal when nothing was missed", async () => {
    const rig = await start();
    await rig.saw(/^manager/);
    expect(rig.steps().slice(0, 3)).toEqual(["attached", "recovered 0", "list units"]);
    await finish(rig);
  });

  test("lists only after the journal was read", async () => {
    const journal = Promise.withResolvers<void>();
    const rig = await start({ sinceNs: 7n, journal: journal.promise });
    await rig.saw("read journal");
    rig.unitChanged("a.service", "failed");
    await rig.saw("unit a.service failed/");
    expect(rig.steps()).not.toContain("list units");
    journal.resolve();
    await rig.saw(/^manager/);
    expect(rig.steps().filter((step) => /^recovered|^listed/.test(step))).toEqual([
      "recovered 0",
      "listed 0",
    ]);
    await finish(rig);
  });

  test("reports an unavailable journal, and goes on", async () => {
    const journal = { exitCode: 127, stdout: "journalctl: not found" };
    const rig = await start({ sinceNs: 1n, journal });
    await rig.saw(/^manager/);
    expect(rig.sink.entries).toEqual([undefined]);
    await finish(rig);
  });

  test("reads the start times that are requested, except impossible ones", async () => {
    const units = {
      "a.service": { ...RUNNING, activeEnterUs: 1_700_000_000_123_456n },
      "b@x-y.service": { ...RUNNING, activeEnterUs: 1_000_007n },
      "c.service": IDLE,
      "liar.service": { ...RUNNING, activeEnterUs: 7_983_360_000_000_000n },
    };
    const wanted = ["a.service", "liar.service", "b@x-y.service"];
    const rig = await start({ units, wanted });
    await rig.saw(/^manager/);
    expect([...rig.sink.startTimes]).toContainEqual(["a.service", 1_700_000_000_123_456_000n]);
    expect(rig.sink.startTimes.get("b@x-y.service")).toBe(1_000_007_000n);
    expect(rig.sink.startTimes.has("liar.service")).toBe(false);
    await finish(rig);
  });

  test("passes signals on while a listing is pending", async () => {
    const rig = await standing(start);
    const release = rig.holdListings();
    rig.reloading(false);
    await rig.saw("list units");
    rig.unitChanged("a.service", "failed");
    await rig.saw("unit a.service failed/");
    release();
    await rig.saw(/^listed/);
    expect(rig.steps()).toEqual(["list units", "unit a.service failed/", "listed 0"]);
    await finish(rig);
  });

  test("reads the first state of a new unit", async () => {
    const rig = await standing(start, { units: { "b.service": RUNNING } });
    rig.setUnits({ "a.service": IDLE, "b.service": RUNNING });
    rig.unitNew("a.service");
    await rig.saw(/^(loaded|listed)/);
    expect(rig.sink.rows.get("a.service")).toBe("inactive/dead");
    await finish(rig);
  });

  test("reports removed units, and calls nothing because of them", async () => {
    const rig = await standing(start);
    const names = Array.from({ length: 50 }, (_, i) => `u${i}.service`);
    rig.unitRemoved(...names);
    await rig.saw("removed u49.service");
    await rig.clock.advance(1_000);
    expect(rig.steps()).toEqual(names.map((name) => `removed ${name}`));
    await finish(rig);
  });

  test("leaves out units that were removed during the listing", async () => {
    const rig = await standing(start);
    rig.setUnits({ "a.service": RUNNING, "b.service": RUNNING });
    const release = rig.holdListings();
    rig.reloading(false);
    await rig.saw("list units");
    rig.unitRemoved("a.service");
    await rig.saw("removed a.service");
    release();
    await rig.saw(/^listed/);
    expect(rig.steps()).toEqual(["list units", "removed a.service", "listed 1"]);
    expect([...rig.sink.rows.keys()]).toEqual(["b.service"]);
    await finish(rig);
  });

  test("ignores new and removed units during a reload, and lists after it", async () => {
    const rig = await standing(start);
    rig.reloading(true);
    rig.unitRemoved("a.service", "b.service");
    rig.unitNew("a.service", "b.service");
    rig.reloading(false);
    rig.unitRemoved("c.service");
    await rig.saw(/^listed/);
    expect(rig.steps()).toEqual(["list units", "removed c.service", "listed 0"]);
    await finish(rig);
  });

  test("lists again when another reload ends during the listing", async () => {
    const rig = await standing(start);
    const release = rig.holdListings();
    rig.reloading(false);
    await rig.saw("list units");
    rig.reloading(false);
    rig.unitRemoved("a.service");
    await rig.saw("removed a.service");
    release();
    await rig.saw("listed 0");
    await rig.clock.advance(1_000);
    expect(rig.steps().filter((step) => step === "listed 0")).toHaveLength(2);
    await finish(rig);
  });

  test("reads the manager again when startup has finished", async () => {
    const rig = await standing(start);
    rig.setSystemState("degraded");
    rig.startupFinished();
    await rig.saw(/^manager/);
    expect(rig.steps()).toEqual([
      "read manager",
      expect.stringMatching(/^manager 252\S* degraded$/),
    ]);
    await finish(rig);
  });

  test("fails when a later listing fails", async () => {
    const rig = await standing(start);
    rig.failListings();
    rig.reloading(false);
    expect(String(await rig.done)).toMatch(/no$/);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("resolves when the stream ends", async () => {
    const rig = await standing(start);
    rig.end();
    expect(await rig.done).toBeUndefined();
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("fails when the stream breaks", async () => {
    const rig = await standing(start);
    rig.breakStream(new Error("EIO"));
    expect(String(await rig.done)).toContain("EIO");
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("reports nothing after an abort", async () => {
    const rig = await standing(start);
    const release = rig.holdListings();
    rig.reloading(false);
    await rig.saw("list units");
    rig.abort.abort();
    release();
    expect(await rig.done).toBeUndefined();
    expect(rig.steps().join("\n")).not.toContain("listed");
  });
});

describe.each(RIGS.filter(([name]) => name !== "busctl"))("over %s, in wire order", (_, start) => {
  test("keeps a unit that is removed and loaded again during the listing", async () => {
    const rig = await standing(start);
    rig.setUnits({ "a.service": RUNNING });
    const release = rig.holdListings();
    rig.reloading(false);
    await rig.saw("list units");
    rig.unitRemoved("a.service");
    rig.unitNew("a.service");
    rig.unitChanged("a.service", "active");
    await rig.saw("unit a.service active/");
    release();
    await rig.saw(/^listed/);
    expect(rig.steps()).toContain("listed 1");
    expect(rig.sink.rows.get("a.service")).toBe("active/running");
    await finish(rig);
  });
});

describe.each(RIGS_WITH_OWNER)(
  "when systemd executes itself again, a session over %s",
  (_, start) => {
    test("attaches and lists again as soon as systemd has a name", async () => {
      const rig = await standing(start);
      rig.ownerChanged(":1.1", "");
      await rig.clock.advance(0);
      expect(rig.steps()).toEqual([]);
      rig.ownerChanged("", ":1.1");
      await rig.saw(/^manager/);
      expect(rig.steps()).toEqual([
        "attached",
        "recovered 0",
        "list units",
        "listed 0",
        "read manager",
        expect.stringMatching(/^manager/),
      ]);
      await finish(rig);
    });

    test("lists once when that happens while the journal is read", async () => {
      const journal = Promise.withResolvers<void>();
      const rig = await start({ sinceNs: 1n, journal: journal.promise });
      await rig.saw("read journal");
      rig.reloading(true);
      rig.ownerChanged("", ":1.1");
      rig.reloading(false);
      await rig.clock.advance(0);
      journal.resolve();
      await rig.saw(/^manager/);
      const lines = rig.sink.history.filter((line) =>
        /^(attached|recovered|listed|manager)/.test(line),
      );
      expect(lines.map((line) => line.split(" ")[0])).toEqual([
        "attached",
        "attached",
        "recovered",
        "recovered",
        "listed",
        "manager",
      ]);
      await finish(rig);
    });

    test("drops a listing from before, and lists after the journal", async () => {
      const rig = await standing(start);
      rig.setUnits({ "old.service": RUNNING });
      const release = rig.holdListings();
      rig.reloading(false);
      await rig.saw("list units");
      rig.setUnits({ "a.service": RUNNING, "b.service": RUNNING });
      rig.ownerChanged("", ":1.1");
      await rig.saw("attached");
      release();
      await rig.saw(/^manager/);
      expect(rig.steps().filter((step) => step.startsWith("listed"))).toEqual(["listed 2"]);
      await finish(rig);
    });
  },
);
