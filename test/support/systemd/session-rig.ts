import { Variant } from "../../../src/systemd/dbus/value.ts";
import type { FakeBusctl } from "../fake-busctl.ts";
import type { FakeClock } from "../fake-clock.ts";
import { until } from "../until.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import type { FakeUnit } from "./fake-systemd.ts";
import type { RecordedSink } from "./recorded-sink.ts";
import { watchBridge } from "./watched-bridge.ts";
import { LISTENING, ownerLine, signalLine, watchBusctl } from "./watched-busctl.ts";

export interface RigOptions {
  readonly units?: Readonly<Record<string, FakeUnit>>;
  /** Replies of the receiver: start of the gap, units whose start time it requests. */
  readonly sinceNs?: bigint;
  readonly wanted?: readonly string[];
  /** Names that it requests to be resolved, and the units that have other names. */
  readonly names?: readonly string[];
  readonly aliases?: Readonly<Record<string, string>>;
  /** Answer of journalctl; a promise holds it up. */
  readonly journal?: Promise<void> | { readonly exitCode: number; readonly stdout: string };
}

/** One session over one transport, and what a test does to its systemd. */
export interface SessionRig {
  readonly sink: RecordedSink;
  readonly clock: FakeClock;
  readonly abort: AbortController;
  /** Its end: undefined, or why it failed. */
  readonly done: Promise<Error | string | undefined>;
  /** Calls and messages in order, in the words of no transport; each call once in a row. */
  readonly steps: () => string[];
  /** Begins a new history. */
  readonly forget: () => void;
  /** Resolves when this step was taken. */
  readonly saw: (step: string | RegExp) => Promise<void>;
  readonly setUnits: (units: Readonly<Record<string, FakeUnit>>) => void;
  readonly setAliases: (aliases: Readonly<Record<string, string>>) => void;
  /** Refuses to resolve this name. */
  readonly refuse: (name: string) => void;
  readonly setSystemState: (state: string) => void;
  /** Holds the answers to ListUnits until the returned function is called. */
  readonly holdListings: () => () => void;
  readonly failListings: () => void;
  readonly unitNew: (...units: readonly string[]) => void;
  readonly unitRemoved: (...units: readonly string[]) => void;
  /** A unit's Unit signal. */
  readonly unitChanged: (unit: string, activeState: string) => void;
  readonly reloading: (isActive: boolean) => void;
  readonly startupFinished: () => void;
  readonly ownerChanged: (before: string, after: string) => void;
  /** systemd hangs until the returned function is called; a bus before it answers. */
  readonly hang: () => () => void;
  /** The bus before systemd hangs too; undefined without a bus. */
  readonly hangBus: (() => void) | undefined;
  /** The engine reports that the container is paused. */
  readonly setPaused: (isPaused: boolean) => void;
  /** The stream ends, or breaks. */
  readonly end: () => void;
  readonly breakStream: (error: Error) => void;
}

export type StartRig = (options?: RigOptions) => Promise<SessionRig>;

/** A way to start a session on each transport. */
export const RIGS: readonly (readonly [name: string, start: StartRig])[] = [
  ["bus", (options) => bridgeRig("bus", options)],
  ["private", (options) => bridgeRig("private", options)],
  ["busctl", busctlRig],
];
/** The private socket has no bus to report that systemd executes itself again: its stream ends. */
export const RIGS_WITH_OWNER = RIGS.filter(([name]) => name !== "private");

/** Starts a session, and resolves when units were listed and the manager was read. */
export async function standing(start: StartRig, options?: RigOptions): Promise<SessionRig> {
  const rig = await start(options);
  await rig.saw(/^manager/);
  rig.forget();
  return rig;
}

/** The step that a line of a history stands for; undefined for one that only one transport has. */
function stepOf(line: string): string | undefined {
  if (/^asked (Hello|AddMatch|GetNameOwner|Subscribe)/.test(line)) return undefined;
  if (/^(asked )?GetUnit /.test(line)) return undefined;
  if (/^(asked )?ListUnits$/.test(line)) return "list units";
  if (/^(asked Get )?(Version|SystemState|UserspaceTimestamp|SoftRebootsCount)$/.test(line))
    return "read manager";
  if (line.startsWith("asked Get ActiveEnterTimestamp")) return "read start times";
  if (/^(asked )?(Ping|GetId|Get Architecture)$/.test(line)) return undefined;
  if (/^asked Get (FreezerState|LogLevel|LogTarget)|^frozen /.test(line)) return undefined;
  if (line.startsWith("journal")) return "read journal";
  return line.replace(/^attached .*/, "attached");
}

function stepsOf(history: readonly string[]): string[] {
  const steps = history.map(stepOf).filter((step) => step !== undefined);
  return steps.filter((step, i) => step !== steps[i - 1]);
}

function sawIn(history: readonly string[]): SessionRig["saw"] {
  return (step) =>
    until(() =>
      stepsOf(history).some((each) => (typeof step === "string" ? each === step : step.test(each))),
    );
}

async function bridgeRig(
  target: "bus" | "private",
  { units = {}, sinceNs, wanted = [], names = [], aliases = {}, journal }: RigOptions = {},
): Promise<SessionRig> {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    for (const [name, unit] of Object.entries(units)) systemd.units.set(name, unit);
    for (const [name, unit] of Object.entries(aliases)) systemd.aliases.set(name, unit);
  };
  if (journal instanceof Promise) runtime.journal = journal.then(() => ({}));
  else if (journal !== undefined) runtime.journal = journal;
  let isPaused = false;
  const watched = watchBridge({
    target,
    isPaused: () => isPaused,
    runtime,
    sink: (sink) => {
      sink.sinceNs = sinceNs;
      sink.wanted = wanted;
      sink.names = names;
    },
  });
  await until(() => runtime.bridges.length > 0);
  const { sink, clock, abort, done, history, systemd, forget, bridge } = watched;
  return {
    sink,
    clock,
    abort,
    done,
    forget,
    steps: () => stepsOf(history),
    saw: sawIn(history),
    setUnits(next) {
      systemd.units.clear();
      for (const [name, unit] of Object.entries(next)) systemd.units.set(name, unit);
    },
    setAliases(next) {
      systemd.aliases.clear();
      for (const [name, unit] of Object.entries(next)) systemd.aliases.set(name, unit);
    },
    refuse: (name) =>
      void systemd.errors.set(`GetUnit ${name}`, "org.freedesktop.DBus.Error.AccessDenied"),
    setSystemState: (state) => void (systemd.systemState = state),
    holdListings() {
      systemd.held.add("ListUnits");
      return () => systemd.release();
    },
    failListings: () => void systemd.errors.set("ListUnits", "org.example.No"),
    unitNew: (...names) => names.forEach((name) => systemd.emit("UnitNew", "so", name, "/u")),
    unitRemoved: (...names) =>
      names.forEach((name) => systemd.emit("UnitRemoved", "so", name, "/u")),
    unitChanged: (unit, activeState) =>
      systemd.emitProperties(unit, "Unit", { ActiveState: new Variant("s", activeState) }),
    reloading: (isActive) => systemd.emit("Reloading", "b", isActive),
    startupFinished: () => systemd.emit("StartupFinished", "tttttt", 1n, 2n, 3n, 4n, 5n, 6n),
    ownerChanged: (before, after) => systemd.emitOwner(before, after),
    hang: () => systemd.hang(),
    hangBus: target === "bus" ? () => void (systemd.isBusHung = true) : undefined,
    setPaused: (next) => void (isPaused = next),
    end: () => bridge.ends(),
    breakStream: (error) => void bridge.stdout.destroy(error),
  };
}

async function busctlRig({
  units = {},
  sinceNs,
  wanted = [],
  names = [],
  aliases = {},
  journal,
}: RigOptions = {}): Promise<SessionRig> {
  let isPaused = false;
  const { busctl, sink, clock, history, end, done } = await watchBusctl({
    isPaused: () => isPaused,
    prepare(fake) {
      fake.units = rows(units);
      setIds(fake, aliases);
      fake.startTimes = { stdout: startTimesOf(units) };
      if (journal instanceof Promise) {
        fake.journal = journal.then(() => ({ stdout: "end 0\n" }));
      } else if (journal !== undefined) {
        fake.journal = { stdout: `${journal.stdout}\nend ${journal.exitCode}\n` };
      }
    },
    sink(recorded) {
      recorded.sinceNs = sinceNs;
      recorded.wanted = wanted;
      recorded.names = names;
    },
  });
  const { monitor } = busctl;
  monitor.say(LISTENING);
  return {
    sink,
    clock,
    abort: end,
    done: done.then((why) => (why === "" ? undefined : why)),
    steps: () => stepsOf(history),
    saw: sawIn(history),
    forget: () => void history.splice(0),
    setUnits: (next) => void (busctl.units = rows(next)),
    setAliases: (next) => setIds(busctl, next),
    refuse: (name) => void busctl.ids.set(name, { exitCode: 1, stderr: "Access denied" }),
    setSystemState(state) {
      const facts = ["252.39-1~deb12u2", state].map((data) => JSON.stringify({ type: "s", data }));
      busctl.facts = { stdout: facts.join("\n") };
    },
    holdListings() {
      const held = Promise.withResolvers<void>();
      busctl.listingHold = held.promise;
      return () => {
        busctl.listingHold = undefined;
        held.resolve();
      };
    },
    failListings: () => void (busctl.units = { exitCode: 1, stderr: "no" }),
    unitNew: (...names) => monitor.say(...names.map((name) => signalLine("UnitNew", [name, "/"]))),
    unitRemoved: (...names) =>
      monitor.say(...names.map((name) => signalLine("UnitRemoved", [name, "/"]))),
    unitChanged: (unit, activeState) =>
      monitor.say(
        JSON.stringify({
          type: "signal",
          path: `/org/freedesktop/systemd1/unit/${unit.replaceAll(".", "_2e")}`,
          member: "PropertiesChanged",
          payload: {
            data: [
              "org.freedesktop.systemd1.Unit",
              { ActiveState: { type: "s", data: activeState } },
            ],
          },
        }),
      ),
    reloading: (isActive) => monitor.say(signalLine("Reloading", [isActive])),
    startupFinished: () => monitor.say(signalLine("StartupFinished", [1, 2, 3, 4, 5, 6])),
    ownerChanged: (before, after) => monitor.say(ownerLine(before, after)),
    hang() {
      const hung = Promise.withResolvers<void>();
      busctl.hang = hung.promise;
      return () => {
        busctl.hang = undefined;
        hung.resolve();
      };
    },
    hangBus: undefined,
    setPaused: (next) => void (isPaused = next),
    end: () => monitor.end(),
    breakStream: (error) => void monitor.stdout.destroy(error),
  };
}

function setIds({ ids }: FakeBusctl, aliases: Readonly<Record<string, string>>): void {
  ids.clear();
  for (const [name, unit] of Object.entries(aliases)) {
    const data = [`/org/freedesktop/systemd1/unit/${unit.replaceAll(".", "_2e")}`];
    ids.set(name, { stdout: `${JSON.stringify({ type: "o", data })}\n` });
  }
}

function rows(units: Readonly<Record<string, FakeUnit>>): { readonly stdout: string } {
  const data = Object.entries(units).map(([name, { activeState, subState }]) => {
    return [name, "", "loaded", activeState, subState];
  });
  return { stdout: JSON.stringify({ data: [data] }) };
}

/** As `systemctl show --timestamp=us+utc` prints it. */
function startTimesOf(units: Readonly<Record<string, FakeUnit>>): string {
  const blocks = Object.entries(units).map(([name, { activeEnterUs = 0n }]) => {
    const date = new Date(Number(activeEnterUs / 1_000n));
    const text = Number.isNaN(date.getTime()) ? "n/a" : date.toISOString();
    const [day, time = ""] = text.split("T");
    const us = String(activeEnterUs % 1_000_000n).padStart(6, "0");
    return `Id=${name}\nActiveEnterTimestamp=Sun ${day} ${time.slice(0, 8)}.${us} UTC`;
  });
  return blocks.join("\n\n");
}
