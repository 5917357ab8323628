import type { Clock } from "../../domain/clock.ts";
import type {
  RestartCount,
  ServiceEvidence,
  SystemdTransport,
  UnitIds,
} from "../../domain/systemd.ts";
import { type FrozenState, MAX_UNIT_NAMES, type UnitRow } from "../../domain/unit.ts";
import { every } from "../../platform/time/every.ts";
import type { ByteStream } from "../dbus/byte-stream.ts";
import { type CallRequest, DBusConnection, defaultTimeoutMs } from "../dbus/connection.ts";
import { DBusError, DBusProtocolError } from "../dbus/errors.ts";
import { MessageFlag } from "../dbus/message.ts";
import { readUnitRows } from "../format/dbus-signals.ts";
import type { ManagerProperties } from "../format/manager.ts";
import {
  BUS,
  knownUnitName,
  MANAGER_INTERFACE,
  MANAGER_PATH,
  PROPERTIES_INTERFACE,
  SYSTEMD,
  TYPE_INTERFACES,
  UNIT_INTERFACE,
} from "../format/objects.ts";
import { readEvidence } from "../format/service-evidence.ts";
import { MAX_NAMED_UNITS, type Transport, type TransportMessage } from "../session/transport.ts";
import { DbusProperties } from "./dbus-properties.ts";
import { DbusReadings } from "./dbus-readings.ts";
import { CONFIRM_MS, Heartbeat } from "./heartbeat.ts";
import { SystemdCalls } from "./systemd-calls.ts";
import { DbusSignals } from "./systemd-signals.ts";

const FROM_SYSTEMD = `type='signal',sender='${SYSTEMD}'`;
const PROPERTIES = `${FROM_SYSTEMD},interface='${PROPERTIES_INTERFACE}',member='PropertiesChanged'`;
const MANAGER = `${FROM_SYSTEMD},interface='${MANAGER_INTERFACE}'`;
/** All that is needed, and no more: every signal costs time in the container too. */
const MATCH_RULES = [
  `${PROPERTIES},arg0='${UNIT_INTERFACE}'`,
  ...[...TYPE_INTERFACES].map((name) => `${PROPERTIES},arg0='${name}'`),
  ...["UnitNew", "UnitRemoved", "Reloading", "StartupFinished"].map(
    (member) => `${MANAGER},member='${member}'`,
  ),
  `type='signal',sender='${BUS}',interface='${BUS}',member='NameOwnerChanged',arg0='${SYSTEMD}'`,
];
const PING = { path: MANAGER_PATH, interface: "org.freedesktop.DBus.Peer", member: "Ping" };
/**
 * A call that costs systemd next to nothing, and that every user of the bus may make. systemd-stdio-bridge
 * answers a Ping itself.
 */
const GET_CONSTANT = {
  path: MANAGER_PATH,
  interface: PROPERTIES_INTERFACE,
  member: "Get",
  signature: "ss",
  body: [MANAGER_INTERFACE, "Architecture"],
};
const NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit";
const ALREADY_SUBSCRIBED = "org.freedesktop.systemd1.AlreadySubscribed";

/** Time after which an unanswered first call is followed by another. */
const NUDGE_MS = 100;

export interface DbusTransportOptions {
  /** `private`: systemd's own socket, where nothing is addressed or filtered. */
  readonly target: "bus" | "private";
  /** Name of the transport. Default: of the bridge to this target. */
  readonly name?: SystemdTransport;
  /** User id to authenticate as. By default the peer takes it from the connection. */
  readonly uid?: number | undefined;
  readonly clock: Clock;
  /** Returns true while the container is paused. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
  /** Ends the connection. */
  readonly signal?: AbortSignal;
}

/**
 * One D-Bus connection to systemd, over a bus or to systemd's private socket. A reply is read in
 * the order of the wire, before any signal after it.
 */
export class DbusTransport implements Transport {
  readonly name: SystemdTransport;
  readonly listing = "cheap";
  readonly #connection: DBusConnection;
  readonly #signals: DbusSignals;
  readonly #hasBus: boolean;
  readonly #clock: Clock;
  readonly #heartbeat: Heartbeat;
  #onMessage: (message: TransportMessage) => void = () => {};
  #isMatching = false;
  readonly #calls: SystemdCalls;
  readonly #properties = new DbusProperties({
    get: ({ path, interfaceName, property }, read) => {
      const get = { path, interface: PROPERTIES_INTERFACE, member: "Get", signature: "ss" };
      const request = { ...this.#destination, ...get, body: [interfaceName, property] };
      return this.#calls.ask(request, (reply) => reply.read("v", read));
    },
    getAll: (path, read) => {
      const get = { path, interface: PROPERTIES_INTERFACE, member: "GetAll", signature: "s" };
      return this.#calls.ask({ ...this.#destination, ...get, body: [""] }, read);
    },
  });

  readonly readings = new DbusReadings((request, read) =>
    this.#calls.once({ ...this.#destination, ...request }, read),
  );

  /**
   * @param stream belongs to the transport, which closes it, also when this is rejected
   * @throws DBusProtocolError
   */
  static async connect(stream: ByteStream, options: DbusTransportOptions): Promise<DbusTransport> {
    const { target, clock, signal, uid } = options;
    const signals = new DbusSignals(target === "bus", clock);
    const connection = await DBusConnection.connect(stream, {
      ...(signal === undefined ? {} : { signal }),
      ...(uid === undefined ? {} : { uid }),
      hello: target === "bus",
      onSignal: signals.read,
      clock,
    });
    return new DbusTransport(connection, signals, options);
  }

  private constructor(
    connection: DBusConnection,
    signals: DbusSignals,
    { target, name, clock, isPaused }: DbusTransportOptions,
  ) {
    this.#connection = connection;
    this.#signals = signals;
    this.#hasBus = target === "bus";
    this.name = name ?? (this.#hasBus ? "dbus" : "dbus-private");
    this.#clock = clock;
    this.#calls = new SystemdCalls({
      connection,
      clock,
      signals: this.#hasBus ? signals : undefined,
      heard: () => this.#heartbeat.heard(),
    });
    this.#heartbeat = new Heartbeat({
      clock,
      isPaused,
      isReloading: () => signals.isReloading,
      waitingMs: () => this.#calls.waitingMs,
      ping: () => this.#calls.ping({ ...this.#destination, ...GET_CONSTANT }),
      ...(this.#hasBus ? { confirm: () => this.#askBus() } : {}),
      silence: (isActive) => this.#onMessage({ kind: "silence", isActive, atNs: clock.nowNs() }),
    });
    void connection.closed.then(() => this.#heartbeat[Symbol.dispose]());
  }

  get closed(): Promise<Error | undefined> {
    return this.#connection.closed.then((end) => (end?.code === "eof" ? undefined : end));
  }

  /**
   * The private socket sends every signal unasked, up to v247 only once the client has called a
   * method of systemd's own: this call, which is repeated for each process of systemd.
   */
  async subscribe(onMessage: (message: TransportMessage) => void): Promise<void> {
    this.#onMessage = onMessage;
    this.#signals.passTo(onMessage, () => this.#heartbeat.heard());
    this.#heartbeat.begin();
    using _nudges = this.#hasBus ? undefined : every(NUDGE_MS, this.#clock, this.#nudge);
    const calls: Promise<unknown>[] = this.#hasBus ? [...this.#match(), this.#readOwner()] : [];
    const subscribed = this.#calls
      .ask(this.#manager("Subscribe"), () => {})
      .catch((error: unknown) => {
        if (!(error instanceof DBusError) || error.name !== ALREADY_SUBSCRIBED) throw error;
      });
    await Promise.all([...calls, subscribed]);
  }

  /**
   * systemd leaves a call that it read together with the end of the authentication until more arrives on
   * its private socket: this does.
   */
  readonly #nudge = (): void => {
    this.#connection.call({ ...PING, timeoutMs: Infinity }).catch(() => {});
  };

  /** A bus that doesn't answer either closes the connection. */
  async #askBus(): Promise<void> {
    const get = { ...busCall("GetId"), timeoutMs: CONFIRM_MS };
    await this.#connection.call(get).catch((error: unknown) => {
      if (!(error instanceof DBusError)) throw error;
    });
  }

  /** Match rules hold as long as the connection; a subscription ends with systemd's process. */
  #match(): Promise<unknown>[] {
    const rules = this.#isMatching ? [] : MATCH_RULES;
    this.#isMatching = true;
    return rules.map((rule) => this.#connection.call(busCall("AddMatch", rule)));
  }

  #readOwner(): Promise<void> {
    const get = { ...busCall("GetNameOwner", SYSTEMD), timeoutMs: defaultTimeoutMs };
    return this.#calls.ask(get, (reply) =>
      this.#signals.acceptFrom(reply.read("s", (reader) => reader.string())),
    );
  }

  async listUnits<T>(
    read: (rows: readonly UnitRow[], asOfNs: bigint, ids: UnitIds) => T,
    names: readonly string[],
  ): Promise<T> {
    const { ids, answered } = this.#resolve(names);
    const listed = this.#calls.ask(this.#manager("ListUnits"), (reply) =>
      read(readUnitRows(reply), this.#clock.nowNs(), ids),
    );
    try {
      const [result] = await Promise.all([listed, answered]);
      return result;
    } catch (error) {
      throw listError(error);
    }
  }

  async findUnits(
    units: readonly string[],
    read: (rows: readonly UnitRow[], ids: UnitIds) => void,
    names: readonly string[],
  ): Promise<void> {
    const request =
      units.length > MAX_NAMED_UNITS
        ? this.#manager("ListUnits")
        : {
            ...this.#manager("ListUnitsByPatterns"),
            signature: "asas",
            body: [[], units.map(globOf)],
          };
    const { ids, answered } = this.#resolve(names);
    const found = this.#calls.ask(request, (reply) => read(readUnitRows(reply), ids));
    await Promise.all([found, answered]);
  }

  /**
   * Asks for the units of these names, without loading any. Whatever is asked next is answered later: by
   * then `ids` has these answers.
   */
  #resolve(names: readonly string[]): {
    readonly ids: UnitIds;
    readonly answered: Promise<unknown>;
  } {
    const ids = new Map<string, string | undefined>();
    const some = names.slice(0, MAX_UNIT_NAMES);
    const answered = Promise.all(some.map((name) => this.#unitOf(name, ids)));
    return { ids, answered };
  }

  async #unitOf(name: string, ids: Map<string, string | undefined>): Promise<void> {
    const readError = ({ name: error }: DBusError): void => {
      if (error === NO_SUCH_UNIT) ids.set(name, undefined);
    };
    const request = { ...this.#manager("GetUnit"), signature: "s", body: [name], readError };
    try {
      await this.#calls.ask(request, (reply) => {
        const id = knownUnitName(reply.read("o", (reader) => reader.string()));
        if (id !== undefined) ids.set(name, id);
      });
    } catch (error) {
      if (!(error instanceof DBusError)) throw error;
    }
  }

  startTimes(
    units: readonly string[],
    read: (unit: string, timeNs: bigint) => void,
  ): Promise<void> {
    return this.#properties.startTimes(units, read);
  }

  frozenStates(
    units: readonly string[],
    read: (unit: string, frozenState: FrozenState | undefined) => void,
  ): Promise<void> {
    return this.#properties.frozenStates(units, read);
  }

  oomKills(
    services: readonly string[],
    read: (service: string, count: number) => void,
  ): Promise<void> {
    return this.#properties.oomKills(services, read);
  }

  evidence(
    services: ReadonlyMap<string, bigint>,
    read: (evidence: ServiceEvidence) => void,
  ): Promise<void> {
    return this.#properties.changed(services, (reply, service) => {
      const evidence = readEvidence(reply, service, this.#clock.nowNs());
      if (evidence !== undefined) read(evidence);
    });
  }

  restartCounts(
    services: readonly string[],
    read: (service: string, count: RestartCount) => void,
  ): Promise<void> {
    return this.#properties.restartCounts(services, read);
  }

  logsToJournal(): Promise<boolean> {
    return this.#properties.logsToJournal();
  }

  managerState(): Promise<ManagerProperties> {
    return this.#properties.manager();
  }

  close(): void {
    this.#connection.close();
  }

  #manager(member: string): CallRequest {
    return { ...this.#destination, path: MANAGER_PATH, interface: MANAGER_INTERFACE, member };
  }

  get #destination(): Pick<CallRequest, "destination" | "flags"> {
    return this.#hasBus ? { destination: SYSTEMD, flags: MessageFlag.NoAutoStart } : {};
  }
}

function busCall(member: string, text?: string): CallRequest {
  const call = { destination: BUS, path: "/org/freedesktop/DBus", interface: BUS, member };
  return text === undefined ? call : { ...call, signature: "s", body: [text] };
}

/** Returns a pattern that matches this name alone. https://man7.org/linux/man-pages/man7/glob.7.html */
function globOf(name: string): string {
  return name.replace(/[\\*?[]/g, "\\$&");
}

/** All units come in one message, which has room for about 50,000. */
function listError(error: unknown): unknown {
  if (!(error instanceof DBusProtocolError) || error.code !== "limit") return error;
  return new Error(`systemd has too many units to be listed (${error.message})`, { cause: error });
}
