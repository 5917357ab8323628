import { expect, test } from "@jest/globals";
import type { CommandOutput } from "../../../src/domain/runtime.ts";
import type { SystemdSource } from "../../../src/domain/systemd.ts";
import { MARK, marked, Marks, marksIn } from "../../../src/systemd/format/mark.ts";
import { OwnCommands } from "../../../src/systemd/transport/own-commands.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { InteractiveFakeProcess } from "../../support/interactive-fake-process.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { turns } from "../../support/turns.ts";

const BRIDGE = ["bridge", MARK];

/** Engine with one container, whose processes outlive their connections. */
class FakeContainer {
  readonly kind: "engine" | "cli";
  /** Marked processes as `uid mark`. */
  readonly processes = new Map<number, string>();
  /** Marks of execs that the engine has. */
  readonly known = new Set<string>();
  /** Users and targets of kills. */
  readonly kills: string[] = [];
  scans = 0;
  /** Number of scans that fail. */
  faults = 0;
  #pid = 100;

  constructor(kind: "engine" | "cli" = "engine") {
    this.kind = kind;
  }

  /** Adds a process of a connection that is lost, or of another program's that is open. */
  add(mark: string, { uid = 65534, isOpen = false } = {}): void {
    this.processes.set((this.#pid += 1), `${uid} ${mark}`);
    if (isOpen) this.known.add(mark);
  }

  async exec(_container: string, command: readonly string[]) {
    const [mark = ""] = marksIn(command);
    this.add(mark, { isOpen: true });
    const process = new InteractiveFakeProcess();
    // The engine forgets it, and its process stays.
    void process.exited.then(() => this.known.delete(mark));
    return process;
  }

  async run(
    _container: string,
    command: readonly string[],
    options: { readonly user?: string },
  ): Promise<CommandOutput> {
    const done = { stdout: "", stderr: "", exitCode: 0 };
    if (!String(command[2]).includes("kill -9")) {
      this.scans += 1;
      if (this.scans <= this.faults) return { ...done, exitCode: 126, stderr: "no process" };
      // The scan is one of the processes.
      const all = [...this.processes, [99, `65534 ${marksIn(command).join()}`]];
      const lines = all.map(([pid, rest]) => `${pid} ${rest}`);
      return { ...done, stdout: lines.join("\n") };
    }
    for (let at = 4; at < command.length; at += 2) {
      this.kills.push(`${options.user} ${command[at + 1]?.slice(-4)}`);
      this.processes.delete(Number(command[at]));
    }
    return done;
  }

  async execs(): Promise<readonly (readonly string[] | undefined)[]> {
    return [...this.known].map((mark) => (this.kind === "cli" ? undefined : ["x", mark]));
  }

  get left(): readonly string[] {
    return [...this.processes.values()].map((text) => text.slice(-4));
  }
}

function setup(container: FakeContainer) {
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const commands = new OwnCommands({
    runtime: container,
    nameOf: (id) => `name of ${id}`,
    clock,
    log,
  });
  const abort = new AbortController();
  /** Runs a stream that is listed at once; resolves to its process and its end. */
  const stream = async () => {
    const started = Promise.withResolvers<InteractiveFakeProcess>();
    const source: SystemdSource = {
      async run(take, { signal }) {
        const process = await commands.exec("c1", BRIDGE, { signal });
        started.resolve(process as InteractiveFakeProcess);
        take({ kind: "listed", rows: [], asOfNs: 0n });
        await process.exited;
      },
    };
    const run = commands.sweeping(source, "c1").run(() => undefined, { signal: abort.signal });
    const process = await started.promise;
    await turns();
    return { process, run };
  };
  return { clock, lines, commands, stream };
}

/** Marks of another instance, which end in a word. */
const foreign = (word: string): string => new Marks().next().slice(0, -4) + word;

test("kills what a lost connection of its own left, once the next stream works", async () => {
  const container = new FakeContainer();
  const { stream, lines } = setup(container);
  const lost = await stream();
  const [first] = container.left;
  lost.process.exit({ exitCode: undefined, signal: undefined, stderr: "" });
  await lost.run;
  await stream();
  expect(container.kills).toEqual([`65534:65534 ${first}`]);
  expect(container.left).toHaveLength(1);
  expect(lines.join()).toContain(
    'msg="leftover commands killed" container="name of c1" processes=1',
  );
});

test("kills what other instances left, each as its own user, and no open command", async () => {
  const container = new FakeContainer();
  container.add(foreign("aaaa"));
  container.add(foreign("bbbb"), { uid: 0 });
  container.add(foreign("cccc"), { isOpen: true });
  const { stream } = setup(container);
  await stream();
  expect(container.kills).toEqual(["65534:65534 aaaa", "0:0 bbbb"]);
  expect(container.left).toEqual(["cccc", expect.any(String)]);
});

test("kills as eight users at most", async () => {
  const container = new FakeContainer();
  for (let uid = 1; uid <= 20; uid += 1) container.add(foreign("aaaa"), { uid });
  const { stream } = setup(container);
  await stream();
  expect(container.kills).toHaveLength(8);
});

test("kills nothing and logs nothing when nothing is left", async () => {
  const container = new FakeContainer();
  const { stream, lines } = setup(container);
  await stream();
  expect(container.scans).toBe(1);
  expect([container.kills, lines]).toEqual([[], []]);
});

test("kills what others left by the command, if all open execs are its own", async () => {
  const container = new FakeContainer("cli");
  container.add(foreign("aaaa"));
  const { stream, clock } = setup(container);
  await stream();
  expect(container.kills).toEqual([]);
  await clock.advance(1_000);
  await turns();
  expect(container.kills).toEqual(["65534:65534 aaaa"]);
});

test("kills nothing by the command if its own exec ends while the others are rated", async () => {
  const container = new FakeContainer("cli");
  container.add(foreign("aaaa"), { isOpen: true });
  const { stream, clock } = setup(container);
  const { process, run } = await stream();
  // The engine lists one exec: either could be it.
  container.known.clear();
  container.add(foreign("bbbb"), { isOpen: true });
  await clock.advance(2_000);
  await turns();
  process.exit({ exitCode: 0, signal: undefined, stderr: "" });
  await turns();
  await clock.advance(60_000);
  await run;
  expect(container.kills).toEqual([]);
});

test("looks again, at most three times, while the engine has execs of others", async () => {
  const container = new FakeContainer("cli");
  container.add(foreign("aaaa"), { isOpen: true });
  const { stream, clock } = setup(container);
  await stream();
  for (const [pauseMs, scans] of [
    [2_000, 2],
    [10_000, 3],
    [30_000, 4],
    [600_000, 4],
  ] as const) {
    await clock.advance(pauseMs);
    await turns();
    expect(container.scans).toBe(scans);
  }
  expect(container.kills).toEqual([]);
});

test("repeats a scan that fails", async () => {
  const container = new FakeContainer();
  container.add(foreign("aaaa"));
  container.faults = 1;
  const { stream, clock } = setup(container);
  await stream();
  expect(container.kills).toEqual([]);
  await clock.advance(2_000);
  await turns();
  expect(container.kills).toEqual(["65534:65534 aaaa"]);
});

test("starts nothing in a container where it has no command open", async () => {
  const container = new FakeContainer();
  const { commands } = setup(container);
  const source: SystemdSource = {
    run: async (take) => void take({ kind: "listed", rows: [], asOfNs: 0n }),
  };
  const { signal } = new AbortController();
  await commands.sweeping(source, "c1").run(() => undefined, { signal });
  await turns();
  expect(container.scans).toBe(0);
});

test("marks each command that it runs", async () => {
  const seen: (readonly string[])[] = [];
  const container = new FakeContainer();
  const commands = new OwnCommands({
    runtime: {
      kind: "engine",
      exec: (id, command) => {
        seen.push(command);
        return container.exec(id, command);
      },
      run: async (_id, command) => {
        seen.push(command);
        return { stdout: "", stderr: "", exitCode: 0 };
      },
      execs: () => container.execs(),
    },
    nameOf: (id) => id,
    clock: new FakeClock(),
    log: recordedLog().log,
  });
  const { signal } = new AbortController();
  await commands.exec("c1", BRIDGE, { signal });
  await commands.run("c1", ["sh", MARK], { signal, maxBytes: 9 });
  const marks = seen.flatMap(marksIn);
  expect(seen).toEqual([marked(BRIDGE, marks[0] ?? ""), marked(["sh", MARK], marks[1] ?? "")]);
  expect(new Set(marks).size).toBe(2);
});
