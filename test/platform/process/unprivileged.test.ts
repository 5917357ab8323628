import { expect, test } from "@jest/globals";
import { unprivileged, type ProcessIds } from "../../../src/platform/process/unprivileged.ts";

/** Ids of a process, each change of which is noted; those in `refused` aren't permitted. */
function idsOf(uid: number, refused: readonly string[] = []) {
  const now = { uid, gid: uid, groups: [uid, 27] };
  const steps: string[] = [];
  const change = (what: string, run: () => void): void => {
    if (refused.includes(what)) throw new Error(`EPERM: ${what}`);
    steps.push(what);
    run();
  };
  const ids: ProcessIds = {
    geteuid: () => now.uid,
    getegid: () => now.gid,
    getgroups: () => [...now.groups],
    seteuid: (id) => change(`user ${id}`, () => (now.uid = id)),
    setegid: (id) => change(`group ${id}`, () => (now.gid = id)),
    setgroups: (groups) => change(`groups ${groups.join()}`, () => (now.groups = [...groups])),
  };
  return { ids, now, steps };
}

const quiet = { requests: () => ["TCPSocketWrap"] };
const BACK = { uid: 0, gid: 0, groups: [0, 27] };

test("runs the work as user nobody without groups, and is root again", async () => {
  const { ids, now, steps } = idsOf(0);
  const seen = await unprivileged(() => structuredClone(now), { ids, ...quiet });
  expect(seen).toEqual({ uid: 65_534, gid: 65_534, groups: [] });
  expect(now).toEqual(BACK);
  expect(steps.slice(3)).toEqual(["user 0", "group 0", "groups 0,27"]);
});

test("is root again when the work throws", async () => {
  const { ids, now } = idsOf(0);
  const failing = unprivileged(
    () => {
      throw new Error("no");
    },
    { ids, ...quiet },
  );
  await expect(failing).rejects.toThrow("no");
  expect(now).toEqual(BACK);
});

test.each(["groups ", "group 65534", "user 65534"])(
  "is as before, and runs nothing, when it isn't permitted to change to %s",
  async (what) => {
    const { ids, now } = idsOf(0, [what]);
    let runs = 0;
    await expect(unprivileged(() => (runs += 1), { ids, ...quiet })).rejects.toThrow(
      `EPERM: ${what}`,
    );
    expect([runs, now]).toEqual([0, BACK]);
  },
);

test.each(["user 0", "group 0", "groups 0,27"])(
  "ends the process when it can't change back to %s",
  async (what) => {
    const { ids } = idsOf(0, [what]);
    const ends: string[] = [];
    const fatal = (error: Error): never => {
      ends.push(error.message);
      throw error;
    };
    await expect(unprivileged(() => 1, { ids, fatal, ...quiet })).rejects.toThrow(
      "can't become root again",
    );
    expect(ends).toEqual([`can't become root again: EPERM: ${what}`]);
  },
);

test("changes nothing when it isn't root", async () => {
  const { ids, steps } = idsOf(1_000);
  expect(await unprivileged(() => ids.geteuid(), { ids, requests: () => ["FSReqPromise"] })).toBe(
    1_000,
  );
  expect(steps).toEqual([]);
});

test("waits while another thread opens a file for this one", async () => {
  const { ids, steps } = idsOf(0);
  const asked = [["FSReqPromise"], ["TCPWRAP", "FSReqCallback"], ["Timeout"]];
  const requests = (): readonly string[] => {
    if (asked.length > 1) expect(steps).toEqual([]);
    return asked.shift() ?? [];
  };
  expect(await unprivileged(() => asked.length, { ids, requests })).toBe(0);
});

test("fails when files are being opened all the time", async () => {
  const { ids, steps } = idsOf(0);
  const busy = unprivileged(() => 1, { ids, requests: () => ["FSReqCallback"] });
  await expect(busy).rejects.toThrow("another thread opens files all the time");
  expect(steps).toEqual([]);
});
