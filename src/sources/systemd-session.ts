import type { DBusConnection } from "../dbus/connection.ts";
import type { Message } from "../dbus/message.ts";
import { asError } from "../domain/as-error.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import type { SystemdSink } from "../domain/systemd.ts";
import { PropertyReader } from "./dbus-unit-signals.ts";
import { recoverFromJournal } from "./journal-recovery.ts";
import { managerFacts } from "./manager-facts.ts";
import { BUS, SystemdCalls } from "./systemd-calls.ts";

/** Units are listed that often anyway, due to no event: what was missed somehow is found by it. */
const RESYNC_MS = 10 * 60_000;

export interface SystemdSessionOptions {
  readonly runtime: Pick<ContainerRuntime, "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  readonly target: "bus" | "private";
  readonly signal: AbortSignal;
}

/** What is said with one systemd on one connection: subscribe, list, listen. */
export class SystemdSession {
  readonly #sink: SystemdSink;
  readonly #options: SystemdSessionOptions;
  readonly #properties: PropertyReader;
  #connection: DBusConnection | undefined;
  #calls: SystemdCalls | undefined;
  #fault: Error | undefined;
  /** Who systemd is on the bus: signals of others are lies. undefined until it is known. */
  #owner: string | undefined;
  #reloading = false;
  /** Units that were loaded since the last question about such. */
  #newUnits = new Set<string>();
  #asking = false;

  constructor(sink: SystemdSink, options: SystemdSessionOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#properties = new PropertyReader(sink);
  }

  /** Resolves when the connection ends; rejects where it ends by a fault. */
  async run(connection: DBusConnection): Promise<void> {
    const calls = new SystemdCalls(connection, this.#options.target === "bus");
    this.#connection = connection;
    this.#calls = calls;
    await this.#synchronize(calls);
    const { clock } = this.#options;
    let timer: Disposable;
    const again = (): void => {
      this.#ask((each) => this.#list(each));
      timer = clock.setTimeout(again, RESYNC_MS);
    };
    timer = clock.setTimeout(again, RESYNC_MS);
    const end = await connection.closed;
    timer[Symbol.dispose]();
    const fault = this.#fault ?? (end?.code === "eof" ? undefined : end);
    if (fault !== undefined) throw fault;
  }

  /** Gets each signal in the order of the wire. */
  readonly onSignal = (message: Message): void => {
    if (message.sender !== this.#expectedSender(message.member)) return;
    const nowNs = this.#options.clock.nowNs();
    switch (message.member) {
      case "PropertiesChanged":
        this.#properties.read(message, nowNs);
        return;
      case "UnitNew":
        if (!this.#reloading) this.#loaded(unitOf(message));
        return;
      case "UnitRemoved":
        if (!this.#reloading) this.#removed(unitOf(message), nowNs);
        return;
      case "Reloading":
        this.#reloading = message.read("b", (reader) => reader.boolean());
        if (!this.#reloading) this.#ask((calls) => this.#list(calls));
        return;
      case "StartupFinished":
        this.#ask((calls) => this.#askManager(calls));
        return;
      case "NameOwnerChanged":
        // systemd runs itself anew: whoever listened has to ask for it again.
        this.#owner = newOwnerOf(message);
        if (this.#owner !== "") this.#ask((calls) => this.#synchronize(calls));
        return;
      default:
    }
  };

  #expectedSender(member: string): string | undefined {
    const isOfBus = this.#options.target === "bus" && member === "NameOwnerChanged";
    return isOfBus ? BUS : this.#owner;
  }

  /** Order holds on a connection: what is listened to before it is listed leaves no gap. */
  async #synchronize(calls: SystemdCalls): Promise<void> {
    const { runtime, container, clock, signal } = this.#options;
    const sinceNs = this.#sink.attached("dbus", clock.nowNs());
    await calls.owner((owner) => {
      this.#owner = owner;
    });
    this.#reloading = false;
    await calls.subscribe();
    await recoverFromJournal(this.#sink, { runtime, container, sinceNs, signal });
    await this.#list(calls);
    await this.#askManager(calls);
  }

  async #list(calls: SystemdCalls): Promise<void> {
    const unknown = await calls.listUnits((rows) =>
      this.#sink.snapshot(rows, this.#options.clock.nowNs()),
    );
    await calls.startTimes(unknown, (unit, timeNs) => this.#sink.startTime(unit, timeNs));
  }

  async #askManager(calls: SystemdCalls): Promise<void> {
    const [version, systemState] = await Promise.all([
      calls.managerText("Version"),
      calls.managerText("SystemState"),
    ]);
    this.#sink.manager(managerFacts(version, systemState, this.#options.clock.nowNs()));
  }

  #removed(unit: string, timeNs: bigint): void {
    this.#newUnits.delete(unit);
    this.#sink.removed(unit, timeNs);
  }

  /** A unit's first state comes by no signal: so it is asked for, one question at a time. */
  #loaded(unit: string): void {
    this.#newUnits.add(unit);
    if (this.#asking) return;
    this.#asking = true;
    this.#ask(async (calls) => {
      while (this.#newUnits.size > 0) {
        const names = [...this.#newUnits];
        this.#newUnits = new Set();
        await calls.findUnits(names, (rows) => this.#sink.loaded(rows));
      }
      this.#asking = false;
    });
  }

  /** What fails beside the stream ends the stream: it is opened again, and all is asked anew. */
  #ask(question: (calls: SystemdCalls) => Promise<void>): void {
    if (this.#calls === undefined) return;
    question(this.#calls).catch((error: unknown) => {
      this.#fault ??= asError(error);
      this.#connection?.close();
    });
  }
}

function unitOf(message: Message): string {
  return message.read("so", (reader) => reader.string());
}

function newOwnerOf(message: Message): string {
  return message.read("sss", (reader) => {
    reader.skip("ss");
    return reader.string();
  });
}
