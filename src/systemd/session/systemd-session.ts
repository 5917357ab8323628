import type { DBusConnection } from "../dbus/connection.ts";
import { DBusProtocolError } from "../dbus/errors.ts";
import type { Message } from "../dbus/message.ts";
import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { TakeMessage } from "../../domain/systemd.ts";
import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import { PropertyReader } from "../format/dbus-unit-signals.ts";
import type { JournalRecovery } from "./journal-recovery.ts";
import { managerFacts } from "../format/manager-facts.ts";
import { isTimeAt } from "../format/unit-signals.ts";
import { BUS, MAX_ASKED_UNITS, SystemdCalls } from "./systemd-calls.ts";

/** Units are listed that often anyway, due to no event: what was missed somehow is found by it. */
const RESYNC_MS = 10 * 60_000;

export interface SystemdSessionOptions {
  readonly journal: JournalRecovery;
  readonly clock: Clock;
  readonly target: "bus" | "private";
  readonly signal: AbortSignal;
}

/** What is said with one systemd on one connection: subscribe, list, listen. */
export class SystemdSession {
  readonly #take: TakeMessage;
  readonly #options: SystemdSessionOptions;
  readonly #properties: PropertyReader;
  #connection: DBusConnection | undefined;
  #calls: SystemdCalls | undefined;
  #fault: Error | undefined;
  /** Who systemd is on the bus: signals of others are lies. undefined until it is known. */
  #owner: string | undefined;
  #reloading = false;
  /** Attaches so far: a later one takes over from those before. */
  #attaches = 0;
  /** Attached, and not listed since: it will be. */
  #isListDue = false;
  /** Units that were loaded since the last question about such. */
  #newUnits = new Set<string>();
  #asking = false;

  constructor(take: TakeMessage, options: SystemdSessionOptions) {
    this.#take = take;
    this.#options = options;
    this.#properties = new PropertyReader(take);
  }

  /** Resolves when the connection ends; rejects where it ends by a fault. */
  async run(connection: DBusConnection): Promise<void> {
    const calls = new SystemdCalls(connection, this.#options.target === "bus");
    this.#connection = connection;
    this.#calls = calls;
    try {
      await this.#synchronize(calls);
    } catch (error) {
      throw this.#fault ?? error;
    }
    const { clock } = this.#options;
    let timer: Disposable;
    const again = (): void => {
      if (!this.#isListDue) this.#ask((each) => this.#list(each));
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
    if (!this.#isGenuine(message)) return;
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
        if (!this.#reloading && !this.#isListDue) this.#ask((calls) => this.#list(calls));
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

  /** Any client of a bus can send what looks like systemd's; its private socket has no others. */
  #isGenuine({ sender, member }: Message): boolean {
    if (this.#calls === undefined) return false;
    if (this.#options.target === "private") return true;
    return sender === (member === "NameOwnerChanged" ? BUS : this.#owner);
  }

  /**
   * There may be a gap up to now, which the journal has to close. Order holds on a connection: what
   * is listened to before it is listed leaves no other.
   */
  async #synchronize(calls: SystemdCalls): Promise<void> {
    const { journal, clock, signal } = this.#options;
    this.#attaches += 1;
    const attach = this.#attaches;
    this.#isListDue = true;
    this.#reloading = false;
    const reply = this.#take({ kind: "attached", transport: "dbus", atNs: clock.nowNs() });
    await calls.subscribe((owner) => {
      this.#owner = owner;
    });
    const entries = await journal.missed(reply?.journalSinceNs, signal);
    this.#take({ kind: "recovered", entries });
    if (attach !== this.#attaches) return;
    await this.#list(calls);
    await this.#askManager(calls);
  }

  async #list(calls: SystemdCalls): Promise<void> {
    const listed = calls.listUnits((rows) => {
      this.#isListDue = false;
      const reply = this.#take({ kind: "listed", rows, asOfNs: this.#options.clock.nowNs() });
      return reply?.startTimesOf ?? [];
    });
    const unknown = await listed.catch((error: unknown) => {
      throw listError(error);
    });
    await calls.startTimes(unknown, (unit, timeNs) => {
      if (isTimeAt(timeNs, this.#options.clock.nowNs()))
        this.#take({ kind: "start-time", unit, timeNs });
    });
  }

  async #askManager(calls: SystemdCalls): Promise<void> {
    const [version, systemState] = await Promise.all([
      calls.managerText("Version"),
      calls.managerText("SystemState"),
    ]);
    this.#take(managerFacts(version, systemState, this.#options.clock.nowNs()));
  }

  #removed(unit: string, timeNs: bigint): void {
    if (unit.length >= MAX_UNIT_NAME_BYTES) return;
    if (this.#newUnits.size <= MAX_ASKED_UNITS) this.#newUnits.delete(unit);
    this.#take({ kind: "removed", unit, timeNs });
  }

  /** A unit's first state comes by no signal: so it is asked for, one question at a time. */
  #loaded(unit: string): void {
    if (unit.length >= MAX_UNIT_NAME_BYTES) return;
    // More than can be asked for by name are asked for by listing all: whichever they are.
    if (this.#newUnits.size <= MAX_ASKED_UNITS) this.#newUnits.add(unit);
    if (this.#asking) return;
    this.#asking = true;
    this.#ask(async (calls) => {
      while (this.#newUnits.size > 0) {
        const names = [...this.#newUnits];
        this.#newUnits = new Set();
        await calls.findUnits(names, (rows) => this.#take({ kind: "loaded", rows }));
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

/** All units come in one message, which has room for about 50,000. */
function listError(error: unknown): unknown {
  if (!(error instanceof DBusProtocolError) || error.code !== "limit") return error;
  return new Error(`systemd has too many units to be listed (${error.message})`, { cause: error });
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
