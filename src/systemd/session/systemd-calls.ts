import type { DBusConnection } from "../dbus/connection.ts";
import { DBusError } from "../dbus/errors.ts";
import type { CallRequest } from "../dbus/options.ts";
import type { UnitRow } from "../../domain/unit.ts";
import { readUnitRows } from "../format/dbus-unit-signals.ts";
import {
  MANAGER_INTERFACE,
  MANAGER_PATH,
  PROPERTIES_INTERFACE,
  SYSTEMD,
  TYPE_INTERFACES,
  UNIT_INTERFACE,
  unitPath,
} from "../format/systemd-objects.ts";

const FROM_SYSTEMD = `type='signal',sender='${SYSTEMD}'`;
const PROPERTIES = `${FROM_SYSTEMD},interface='${PROPERTIES_INTERFACE}',member='PropertiesChanged'`;
const MANAGER = `${FROM_SYSTEMD},interface='${MANAGER_INTERFACE}'`;
export const BUS = "org.freedesktop.DBus";
/** All that is listened to, and no more: every signal costs time in the container too. */
const MATCH_RULES = [
  `${PROPERTIES},arg0='${UNIT_INTERFACE}'`,
  ...[...TYPE_INTERFACES].map((name) => `${PROPERTIES},arg0='${name}'`),
  ...["UnitNew", "UnitRemoved", "Reloading", "StartupFinished"].map(
    (member) => `${MANAGER},member='${member}'`,
  ),
  `type='signal',sender='${BUS}',interface='${BUS}',member='NameOwnerChanged',arg0='${SYSTEMD}'`,
];
const ALREADY_SUBSCRIBED = "org.freedesktop.systemd1.AlreadySubscribed";

/** Units that are asked for by name at a time; more are asked for by listing all. */
export const MAX_ASKED_UNITS = 100;

/**
 * The calls that watching needs. None of them loads a unit that isn't loaded: doing so because one
 * was unloaded would go round in circles.
 *
 * A reply is read in the stream's order, before any signal after it.
 */
export class SystemdCalls {
  readonly #connection: DBusConnection;
  readonly #hasBus: boolean;
  #isMatching = false;

  /** @param hasBus false on systemd's private socket, where nothing is addressed or filtered */
  constructor(connection: DBusConnection, hasBus: boolean) {
    this.#connection = connection;
    this.#hasBus = hasBus;
  }

  /**
   * Has systemd send signals, and the bus pass on those that matter. Tells who systemd is on the
   * bus, before the first of its signals: match rules filter broadcasts alone, and any client can
   * send us a signal that looks like systemd's.
   */
  async subscribe(found: (owner: string) => void): Promise<void> {
    if (!this.#hasBus) return;
    // They hold as long as the connection; systemd's own run is what has to be subscribed to anew.
    const rules = this.#isMatching ? [] : MATCH_RULES;
    this.#isMatching = true;
    const matches = rules.map((rule) => this.#connection.call(askBus("AddMatch", rule)));
    const owner = this.#connection.call(askBus("GetNameOwner", SYSTEMD), (reply) =>
      found(reply.read("s", (reader) => reader.string())),
    );
    const subscribed = this.#connection.call(this.#manager("Subscribe")).catch((error: unknown) => {
      if (!(error instanceof DBusError) || error.name !== ALREADY_SUBSCRIBED) throw error;
    });
    await Promise.all([...matches, owner, subscribed]);
  }

  /** All units that are loaded. */
  listUnits<T>(read: (rows: UnitRow[]) => T): Promise<T> {
    return this.#connection.call(this.#manager("ListUnits"), (reply) => read(readUnitRows(reply)));
  }

  /** Those of the units that are loaded; perhaps others with them. */
  findUnits<T>(names: readonly string[], read: (rows: UnitRow[]) => T): Promise<T> {
    if (names.length > MAX_ASKED_UNITS) return this.listUnits(read);
    const request = {
      ...this.#manager("ListUnitsByPatterns"),
      signature: "asas",
      body: [[], names.map(globOf)],
    };
    return this.#connection.call(request, (reply) => read(readUnitRows(reply)));
  }

  /** A property of the manager that is a string. */
  managerText(property: string): Promise<string> {
    return this.#connection.call(
      { ...this.#get(MANAGER_INTERFACE, property), path: MANAGER_PATH },
      (reply) => reply.read("v", (reader) => reader.enterVariant("s").string()),
    );
  }

  /**
   * Tells when each of the units became active, as Unix nanoseconds. They are to be active, and so
   * loaded; of one that has gone meanwhile nothing is told.
   */
  async startTimes(
    units: readonly string[],
    tell: (unit: string, timeNs: bigint) => void,
  ): Promise<void> {
    for (let at = 0; at < units.length; at += MAX_ASKED_UNITS) {
      const some = units.slice(at, at + MAX_ASKED_UNITS);
      await Promise.all(some.map((unit) => this.#startTime(unit, tell)));
    }
  }

  async #startTime(unit: string, tell: (unit: string, timeNs: bigint) => void): Promise<void> {
    const request = { ...this.#get(UNIT_INTERFACE, "ActiveEnterTimestamp"), path: unitPath(unit) };
    try {
      await this.#connection.call(request, (reply) =>
        tell(unit, reply.read("v", (reader) => reader.enterVariant("t").uint64()) * 1_000n),
      );
    } catch (error) {
      if (!(error instanceof DBusError)) throw error;
    }
  }

  #manager(member: string): CallRequest {
    return {
      ...this.#destination,
      path: MANAGER_PATH,
      interface: MANAGER_INTERFACE,
      member,
    };
  }

  #get(ofInterface: string, property: string): Omit<CallRequest, "path"> {
    return {
      ...this.#destination,
      interface: PROPERTIES_INTERFACE,
      member: "Get",
      signature: "ss",
      body: [ofInterface, property],
    };
  }

  get #destination(): { readonly destination?: string } {
    return this.#hasBus ? { destination: SYSTEMD } : {};
  }
}

function askBus(member: string, text: string): CallRequest {
  return {
    destination: BUS,
    path: "/org/freedesktop/DBus",
    interface: BUS,
    member,
    signature: "s",
    body: [text],
  };
}

/** A pattern that matches this name alone. https://man7.org/linux/man-pages/man7/glob.7.html */
function globOf(name: string): string {
  return name.replace(/[\\*?[]/g, "\\$&");
}
