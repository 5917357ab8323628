import type { Clock } from "../../domain/clock.ts";
import type { ProcessExit } from "../../domain/process.ts";
import type { CommandOutput, ContainerRuntime, InteractiveProcess } from "../../domain/runtime.ts";
import type { UnitIds } from "../../domain/systemd.ts";
import type { FrozenState, UnitRow } from "../../domain/unit.ts";
import { asError } from "../../platform/data/as-error.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";
import { LineSplitter } from "../../platform/data/lines.ts";
import { parseBusctlSignal, parseManagerSignal } from "../format/busctl-line.ts";
import {
  parseFreezerStates,
  parseGetUnit,
  parseListUnits,
  parseManager,
  parseStartTimes,
} from "../format/busctl-list.ts";
import { MARK } from "../format/mark.ts";
import type { ManagerProperties } from "../format/manager.ts";
import { BUS, TYPE_INTERFACES, UNIT_INTERFACE } from "../format/objects.ts";
import { isTimeAt } from "../format/timestamps.ts";
import { serviceSignalOf, unitSignalOf } from "../format/unit-signals.ts";
import type { Transport, TransportMessage } from "../session/transport.ts";
import type { GracefulClose } from "./graceful-close.ts";
import { Heartbeat } from "./heartbeat.ts";

const MANAGER = [
  "org.freedesktop.systemd1",
  "/org/freedesktop/systemd1",
  "org.freedesktop.systemd1.Manager",
] as const;
const LIST_UNITS = ["busctl", "--json=short", "call", ...MANAGER, "ListUnits"];
const GET_UNIT = ["busctl", "--json=short", "--", "call", ...MANAGER, "GetUnit", "s"];
/** busctl stops at the first property that systemd doesn't have, so the newest one is the last. */
const FACTS = ["Version", "SystemState", "UserspaceTimestamp", "SoftRebootsCount"];
const GET_FACTS = ["busctl", "--json=short", "get-property", ...MANAGER, ...FACTS];
const SHOW_START_TIMES = [
  "systemctl",
  "show",
  "--timestamp=us+utc",
  "--property=Id,ActiveEnterTimestamp",
  "--",
];

const SHOW_FREEZER_STATES = ["systemctl", "show", "--property=Id,FreezerState", "--"];

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_WHY_CHARS = 300;
const MAX_REMARK_CHARS = 300;
/** Units whose start times one command reads. */
const MAX_SHOWN_UNITS = 200;
/** Commands that ask for a unit by its name at once. */
const MAX_GET_UNIT = 4;

/** A call that costs systemd next to nothing, and one of the bus. */
const PING = ["busctl", "call", MANAGER[0], MANAGER[1], "org.freedesktop.DBus.Peer", "Ping"];
const ASK_BUS = ["busctl", "call", BUS, "/org/freedesktop/DBus", BUS, "GetId"];
/** Interval of these commands, each of which is a process in the container. */
const HEARTBEAT_MS = 60_000;

const LISTENING = /^Monitoring bus message stream/;
const HANDSHAKE_MS = 10_000;
/** First wait for busctl's line that it listens; since v256 it prints none. */
const POKE_AFTER_MS = 100;
const MAX_POKE_MS = 2_000;

export interface BusctlTransportOptions {
  readonly runtime: Pick<ContainerRuntime, "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Returns true while the container is paused. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
  /** Of the monitor. */
  readonly gracefulClose: GracefulClose;
}

/**
 * One `busctl monitor`, whose output is the stream, and a command in the container for each call:
 * so an answer has no place in the order of the stream, and each call costs a process.
 */
export class BusctlTransport implements Transport {
  readonly name = "busctl";
  readonly listing = "costly";
  readonly #monitor: InteractiveProcess;
  readonly #options: BusctlTransportOptions;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #listening = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<Error | undefined>();
  #isListening = false;
  /** Messages that came before the first `subscribe`. */
  readonly #early: TransportMessage[] = [];
  #onMessage = (message: TransportMessage): void => void this.#early.push(message);
  readonly #heartbeat: Heartbeat;
  #isReloading = false;
  /** Latest line that is no JSON: it says why busctl, its shell or the engine failed. */
  #remark = "";

  /**
   * Resolves when the monitor listens.
   *
   * @throws Error if it ends before, or prints nothing for 10 s
   */
  static async open(
    monitor: InteractiveProcess,
    options: BusctlTransportOptions,
  ): Promise<BusctlTransport> {
    const transport = new BusctlTransport(monitor, options);
    const silence = new Error(`busctl monitor printed nothing for ${HANDSHAKE_MS / 1000} s`);
    using _limit = options.clock.setTimeout(
      () => transport.#listening.reject(silence),
      HANDSHAKE_MS,
    );
    void transport.#pump();
    void transport.#poke();
    try {
      await transport.#listening.promise;
    } catch (error) {
      transport.close();
      throw error;
    }
    return transport;
  }

  private constructor(monitor: InteractiveProcess, options: BusctlTransportOptions) {
    this.#monitor = monitor;
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#end.signal]);
    const { clock, isPaused } = options;
    this.#heartbeat = new Heartbeat({
      clock,
      isPaused,
      intervalMs: HEARTBEAT_MS,
      isReloading: () => this.#isReloading,
      ping: () => this.#succeed(PING),
      confirm: () => this.#succeed(ASK_BUS),
      silence: (isActive) => this.#onMessage({ kind: "silence", isActive, atNs: clock.nowNs() }),
    });
  }

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  /** Does nothing more: busctl can't make systemd send signals. */
  async subscribe(onMessage: (message: TransportMessage) => void): Promise<void> {
    this.#onMessage = onMessage;
    for (const message of this.#early.splice(0)) onMessage(message);
    this.#heartbeat.begin();
  }

  async listUnits<T>(
    read: (rows: readonly UnitRow[], asOfNs: bigint, ids: UnitIds) => T,
    names: readonly string[],
  ): Promise<T> {
    const asOfNs = this.#options.clock.nowNs();
    const output = await this.#run(LIST_UNITS).catch((error: unknown) => {
      this.#signal.throwIfAborted();
      throw new Error(`busctl call ListUnits failed: ${asError(error).message}`, { cause: error });
    });
    const rows = output.exitCode === 0 ? parseListUnits(output.stdout) : undefined;
    if (rows === undefined) {
      const why = output.stderr.trim() || output.stdout.slice(0, MAX_WHY_CHARS);
      throw new Error(`busctl call ListUnits failed: ${why}`);
    }
    return read(rows, asOfNs, await this.#resolve(names, rows));
  }

  /** Asks for the units of the names that aren't listed; one that is listed is no alias. */
  async #resolve(names: readonly string[], rows: readonly UnitRow[]): Promise<UnitIds> {
    const ids = new Map<string, string | undefined>();
    if (names.length === 0) return ids;
    const listed = new Set(rows.map(({ name }) => name));
    await someAtOnce(names, MAX_GET_UNIT, async (name) => {
      if (listed.has(name)) ids.set(name, name);
      else {
        const answer = parseGetUnit(await this.#run([...GET_UNIT, name]));
        if (answer !== undefined) ids.set(name, answer.id);
      }
    });
    return ids;
  }

  /** Reads none if systemctl is too old. */
  async startTimes(
    units: readonly string[],
    read: (unit: string, timeNs: bigint) => void,
  ): Promise<void> {
    for (let at = 0; at < units.length; at += MAX_SHOWN_UNITS) {
      const some = units.slice(at, at + MAX_SHOWN_UNITS);
      const { stdout } = await this.#run([...SHOW_START_TIMES, ...some]);
      for (const [unit, timeNs] of parseStartTimes(stdout)) read(unit, timeNs);
    }
  }

  /** Reads none if systemctl is too old. */
  async frozenStates(
    units: readonly string[],
    read: (unit: string, frozenState: FrozenState | undefined) => void,
  ): Promise<void> {
    for (let at = 0; at < units.length; at += MAX_SHOWN_UNITS) {
      const some = units.slice(at, at + MAX_SHOWN_UNITS);
      const { stdout } = await this.#run([...SHOW_FREEZER_STATES, ...some]);
      for (const [unit, frozenState] of parseFreezerStates(stdout)) read(unit, frozenState);
    }
  }

  async managerState(): Promise<ManagerProperties> {
    const { stdout } = await this.#run(GET_FACTS);
    return parseManager(stdout);
  }

  close(): void {
    this.#heartbeat[Symbol.dispose]();
    this.#end.abort(new Error("the transport was closed"));
    this.#options.gracefulClose.begin();
  }

  async #pump(): Promise<void> {
    const lines = new LineSplitter({
      onLine: (line) => this.#onLine(line),
      onBadLine: () => this.#onMessage({ kind: "parse-error" }),
    });
    let fault: Error | undefined;
    try {
      for await (const chunk of this.#monitor.stdout) lines.push(chunk);
      if (!this.#isListening) lines.end();
    } catch (error) {
      fault = asError(error);
      this.#end.abort(fault);
    }
    this.#heartbeat[Symbol.dispose]();
    this.#closed.resolve(fault);
    if (!this.#isListening) this.#listening.reject(fault ?? (await this.#whyNotListening()));
  }

  #onLine(line: string): void {
    if (LISTENING.test(line)) this.#listens();
    else if (!line.startsWith("{")) this.#remark = line.slice(0, MAX_REMARK_CHARS);
    else {
      this.#listens();
      const message = this.#messageOf(line);
      if (message === undefined) return;
      if (message.kind === "reloading") this.#isReloading = message.isActive;
      else if (message.kind === "owner-changed") this.#isReloading = false;
      this.#heartbeat.heard();
      this.#onMessage(message);
    }
  }

  #listens(): void {
    this.#isListening = true;
    this.#listening.resolve();
  }

  /** Returns undefined for a line of no interest. */
  #messageOf(line: string): TransportMessage | undefined {
    const managerSignal = parseManagerSignal(line);
    if (managerSignal !== undefined) {
      const isLate = managerSignal.kind === "removed" && !this.#canBe(managerSignal.timeNs);
      return isLate ? undefined : managerSignal;
    }
    const signal = parseBusctlSignal(line);
    if (signal === undefined) return undefined;
    // busctl gives the time at which it saw the signal, which is now.
    if (signal === "malformed" || !this.#canBe(signal.timeNs)) return { kind: "parse-error" };
    if (signal.interfaceName === UNIT_INTERFACE) return unitSignalOf(signal);
    return TYPE_INTERFACES.has(signal.interfaceName) ? serviceSignalOf(signal) : undefined;
  }

  #canBe(timeNs: bigint): boolean {
    return isTimeAt(timeNs, this.#options.clock.nowNs());
  }

  async #whyNotListening(): Promise<Error> {
    const exit = (await this.#monitor.exited) as Partial<ProcessExit> | undefined;
    const why = this.#remark || exit?.stderr?.trim() || `exit code ${exit?.exitCode ?? "unknown"}`;
    return new Error(`busctl monitor can't be run: ${why}`);
  }

  /** Calls systemd until the monitor shows that it listens: it prints such a call. */
  async #poke(): Promise<void> {
    const { clock } = this.#options;
    let waitMs = POKE_AFTER_MS;
    while (!this.#isListening && !this.#signal.aborted) {
      try {
        await clock.sleep(waitMs, this.#signal);
        if (!this.#isListening) await this.#run(GET_FACTS);
      } catch {
        // A call that fails is followed by others; the limit reports it if all do.
      }
      waitMs = Math.min(waitMs * 2, MAX_POKE_MS);
    }
  }

  async #succeed(command: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.#run(command);
    if (exitCode !== 0) throw new Error(stderr);
  }

  #run(command: readonly string[]): Promise<CommandOutput> {
    const { runtime, container } = this.#options;
    const marked = ["sh", "-c", '"$@"', MARK, ...command];
    return runtime.run(container, marked, { maxBytes: MAX_OUTPUT_BYTES, signal: this.#signal });
  }
}
