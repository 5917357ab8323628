import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { ContainerResume, CursorResume } from "../../src/domain/resume.ts";
import { openStore, type Store } from "../../src/storage/store.ts";
import { idOf, identityOf } from "../support/engine-facts.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "unitwatch-resume-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const file = (): string => join(dir, "data", "unitwatch.sqlite");

function resumeOf(name: string, more: Partial<ContainerResume> = {}): ContainerResume {
  return {
    identity: identityOf(name),
    status: "running",
    health: undefined,
    startedAtNs: 1_795_348_898_477_085_815n,
    finishedAtNs: 0n,
    lastExitCode: undefined,
    restartsSeen: 2,
    oom: "none",
    runsSystemd: true,
    lives: { open: 1, lastStartNs: 1_795_348_898_477_085_816n, unmatched: 0 },
    systemd: undefined,
    ...more,
  };
}

function cursorOf(count: number, kept = count): CursorResume {
  const seen = Array.from({ length: kept }, (_, i) => `${count - kept + i} ${idOf("web")} start`);
  return { beginNs: 5n, lastNs: 10n ** 18n + BigInt(count), seen, count };
}

interface Opened extends AsyncDisposable {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly log: string[];
  readonly containers: Map<string, ContainerResume>;
  cursor: CursorResume | undefined;
  keep(...names: string[]): void;
}

async function open(options: { path?: string | undefined; scope?: string } = {}): Promise<Opened> {
  const { path = join(dir, "data"), scope = "here" } = options;
  const clock = new FakeClock();
  const { log, lines } = recordedLog();
  const containers = new Map<string, ContainerResume>();
  const store = await openStore({
    path: "path" in options ? options.path : path,
    scope,
    clock,
    log,
    cursor: () => opened.cursor,
    container: (id) => containers.get(id),
  });
  const opened: Opened = {
    store,
    clock,
    log: lines,
    containers,
    cursor: cursorOf(1),
    keep(...names) {
      for (const name of names) {
        containers.set(idOf(name), resumeOf(name));
        store.touch(idOf(name));
      }
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
  return opened;
}

test("stores where a journal is followed from", async () => {
  {
    await using first = await open();
    for (const [name, journal] of [
      ["a", { cursor: "s=1;i=2" }],
      ["b", { sinceNs: 1_795_348_898_477_085_815n }],
    ] as const) {
      first.containers.set(idOf(name), resumeOf(name, { journal }));
      first.store.touch(idOf(name));
    }
    await first.store.flush();
  }
  await using second = await open();
  const positions = second.store.restored?.containers.map(({ journal }) => journal);
  expect(positions).toHaveLength(2);
  expect(positions).toEqual(
    expect.arrayContaining([{ cursor: "s=1;i=2" }, { sinceNs: 1_795_348_898_477_085_815n }]),
  );
});

test("restores exactly what was stored", async () => {
  const groups = [1_795_348_898_477, 1_795_348_898_500, 3];
  const units = [{ unit: "startedAtNs", failures: groups, restarts: [] }];
  const recent = { restarts: [], failedExits: groups, oomKills: [], units };
  const web = resumeOf("web", { health: "healthy", lastExitCode: 137, systemd: "12n", recent });
  const db = resumeOf("db", { status: "exited", runsSystemd: undefined, restartsSeen: undefined });
  {
    await using opened = await open();
    const { store, containers } = opened;
    expect(store.restored).toBeUndefined();
    for (const each of [web, db]) {
      containers.set(each.identity.id, each);
      store.touch(each.identity.id);
    }
    opened.cursor = cursorOf(3);
  }
  await using next = await open();
  expect(next.store.restored?.cursor).toEqual(cursorOf(3));
  expect(next.store.restored?.containers).toEqual(
    [web, db].sort((a, b) => (a.identity.id < b.identity.id ? -1 : 1)),
  );
  expect(next.log).toEqual([]);
});

test("gathers changes, and writes at most five times a second", async () => {
  await using opened = await open();
  const { clock, store } = opened;
  opened.keep("web", "db");
  opened.keep("web");
  expect(clock.pendingTimers).toBe(1);
  expect(clock.nextTimerMs).toBe(200);
  await clock.advance(200);
  expect(clock.pendingTimers).toBe(0);
  await store.flush();
  opened.keep("web");
  expect(clock.nextTimerMs).toBe(200);
  await store.flush();
  expect(clock.pendingTimers).toBe(0);
});

test("writes nothing before there is a resume point", async () => {
  {
    await using opened = await open();
    opened.cursor = undefined;
    opened.keep("web");
    await opened.clock.advance(1_000);
    expect(opened.clock.pendingTimers).toBe(1);
  }
  await using next = await open();
  expect(next.store.restored).toBeUndefined();
});

test("drops a container that is gone", async () => {
  {
    await using opened = await open();
    opened.keep("web", "db");
    await opened.store.flush();
    opened.containers.delete(idOf("web"));
    opened.store.touch(idOf("web"));
  }
  await using next = await open();
  expect(next.store.restored?.containers.map(({ identity }) => identity.name)).toEqual(["db"]);
});

test("keeps only the newest events, in their order", async () => {
  {
    await using opened = await open();
    for (const count of [2, 3, 7, 40]) {
      opened.cursor = cursorOf(count, Math.min(count, 5));
      opened.keep("web");
      await opened.store.flush();
    }
  }
  {
    await using next = await open();
    expect(next.store.restored?.cursor).toEqual(cursorOf(40, 5));
    next.cursor = cursorOf(42, 5);
    next.keep("web");
  }
  await using last = await open();
  expect(last.store.restored?.cursor).toEqual(cursorOf(42, 5));
});

test("drops the resume point of another engine or filter", async () => {
  {
    await using opened = await open({ scope: "here" });
    opened.keep("web");
  }
  {
    await using other = await open({ scope: "elsewhere" });
    expect(other.store.restored).toBeUndefined();
  }
  await using again = await open({ scope: "here" });
  expect(again.store.restored).toBeUndefined();
});

test("stores and logs nothing without a folder", async () => {
  await using opened = await open({ path: undefined });
  opened.keep("web");
  await opened.store.flush();
  expect([opened.log, opened.clock.pendingTimers, readdirSync(dir)]).toEqual([[], 0, []]);
});

test("runs without a store when another process has the file", async () => {
  {
    await using first = await open();
    await using second = await open();
    expect(second.log).toHaveLength(1);
    expect(second.log[0]).toContain("another process uses it");
    second.keep("second");
    await second.store.flush();
    first.keep("first");
    await first.store.flush();
    expect(first.log).toEqual([]);
  }
  await using next = await open();
  expect(next.store.restored?.containers.map(({ identity }) => identity.name)).toEqual(["first"]);
});

test("logs an unusable folder once", async () => {
  writeFileSync(join(dir, "file"), "");
  await using opened = await open({ path: join(dir, "file", "data") });
  expect(opened.log).toHaveLength(1);
  expect(opened.log[0]).toMatch(/^level=warn .*store unavailable.*ENOTDIR/);
  opened.keep("web");
  await opened.store.flush();
});

test("logs a folder that the system rejects", async () => {
  await using opened = await open({ path: "/proc/unitwatch/data" });
  expect(opened.log).toEqual([expect.stringMatching(/^level=warn .*store unavailable.*ENOENT/)]);
});

async function keepOne(): Promise<void> {
  await using opened = await open();
  opened.keep("web");
}

test.each([
  ["is no database", () => writeFileSync(file(), "not a database, but long enough ".repeat(200))],
  [
    "has an invalid container",
    () => inDatabase("UPDATE container SET resume = '{\"startedAtNs\":5}'"),
  ],
  [
    "has invalid recent events",
    () =>
      inDatabase(
        "UPDATE container SET resume = json_insert(resume, '$.recent', json('{\"restarts\":[1],\"units\":[]}'))",
      ),
  ],
  ["lacks a table", () => inDatabase("DROP TABLE seen")],
])("moves a file that %s aside, and begins another", async (_, spoil) => {
  await keepOne();
  spoil();
  const spoilt = readFileSync(file());
  {
    await using opened = await open();
    expect(opened.store.restored).toBeUndefined();
    expect(opened.log).toHaveLength(1);
    expect(opened.log[0]).toMatch(/^level=warn msg="store damaged, moved aside"/);
    opened.keep("db");
  }
  const aside = readdirSync(join(dir, "data")).filter((name) => name.includes(".damaged-"));
  expect(aside).toEqual([`unitwatch.sqlite.damaged-${new FakeClock().nowMs()}`]);
  expect(readFileSync(join(dir, "data", String(aside[0])))).toEqual(spoilt);
  await using next = await open();
  expect(next.store.restored?.containers.map(({ identity }) => identity.name)).toEqual(["db"]);
});

test("leaves a file of a newer version alone", async () => {
  await keepOne();
  inDatabase("PRAGMA user_version = 99");
  const newer = readFileSync(file());
  {
    await using opened = await open();
    expect(opened.log).toHaveLength(1);
    expect(opened.log[0]).toContain("written by a newer unitwatch: version 99");
    opened.keep("db");
  }
  expect(readFileSync(file())).toEqual(newer);
});

function inDatabase(sql: string): void {
  const database = new DatabaseSync(file());
  database.exec(sql);
  database.close();
}

test("keeps what was written, and not the lock, after SIGKILL", async () => {
  const script = `
    import { openStore } from ${JSON.stringify(urlOf("../../src/storage/store.ts"))};
    import { systemClock as clock } from ${JSON.stringify(urlOf("../../src/platform/time/clock.ts"))};
    const log = { warn: console.log, limited: () => log };
    const store = await openStore({
      path: process.argv[1], scope: "here", clock, log,
      cursor: () => (${text(cursorOf(9))}),
      container: () => (${text(resumeOf("web"))}),
    });
    store.touch(${JSON.stringify(idOf("web"))});
    await store.flush();
    process.kill(process.pid, "SIGKILL");`;
  const args = ["--input-type=module", "--eval", script, join(dir, "data")];
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect({ signal, stdout, stderr }).toEqual({ signal: "SIGKILL", stdout: "", stderr: "" });
  await using next = await open();
  expect(next.log).toEqual([]);
  expect(next.store.restored).toEqual({ cursor: cursorOf(9), containers: [resumeOf("web")] });
});

test("hides SQLite's warning, and shows others", () => {
  const script = `
    import { loadSqlite } from ${JSON.stringify(urlOf("../../src/storage/sqlite.ts"))};
    await loadSqlite();
    process.emitWarning("something else");`;
  const args = ["--input-type=module", "--eval", `${script};`];
  const run = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(run.stderr).not.toContain("SQLite");
  expect(run.stderr).toContain("something else");
});

function urlOf(path: string): string {
  return pathToFileURL(join(import.meta.dirname, path)).href;
}

/** Returns the source text of a value, bigint included. */
function text(value: unknown): string {
  const json = JSON.stringify(value, (_, each: unknown) =>
    typeof each === "bigint" ? `<${each}n>` : each,
  );
  return json.replaceAll(/"<(\d+n)>"/g, "$1");
}
