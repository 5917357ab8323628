import type {
  ManagerReading,
  ReadingGroup,
  ReadingSource,
  UnitReading,
} from "../../domain/readings.ts";
import { noReading } from "../../domain/readings.ts";
import type { UnitDescription } from "../../domain/unit-description.ts";
import type { CallRequest } from "../dbus/connection.ts";
import { DBusError } from "../dbus/errors.ts";
import type { Message } from "../dbus/message.ts";
import {
  MANAGER_INTERFACE,
  MANAGER_PATH,
  PROPERTIES_INTERFACE,
  unitPath,
} from "../format/objects.ts";
import {
  addProperties,
  addProperty,
  type PropertyQuery,
  queriesOf,
  readManagerReading,
} from "../format/readings.ts";
import { readUnitDescription } from "../format/unit-description.ts";

const UNKNOWN_PROPERTY = "org.freedesktop.DBus.Error.UnknownProperty";
/** A reply of all properties takes systemd, the bus and unitwatch as long as about so many of one. */
const MAX_GETS = 5;
/** Unanswered calls: with the session's own fewer than dbus-daemon permits a connection. */
const MAX_CALLS = 24;

/** Calls systemd once; never repeats the call, and waits for as long as systemd is silent. */
export type PatientCall = <T>(
  request: Omit<CallRequest, "destination">,
  read: (reply: Message) => T,
) => Promise<T>;

/** Reads values beside the session's own calls, which never wait for these. */
export class DbusReadings implements ReadingSource {
  readonly #call: PatientCall;
  /** Properties that this systemd has answered that it doesn't know. */
  readonly #unknown = new Set<string>();
  #calls = 0;
  readonly #queue: (() => void)[] = [];

  constructor(call: PatientCall) {
    this.#call = call;
  }

  async readUnit(
    unit: string,
    groups: ReadonlySet<ReadingGroup>,
  ): Promise<UnitReading | undefined> {
    const reading = noReading();
    const path = unitPath(unit);
    const reads = queriesOf(unit, groups).map((query) => this.#read(reading, path, query));
    return (await Promise.all(reads)).every((isRead) => isRead) ? reading : undefined;
  }

  async readManager(groups: ReadonlySet<ReadingGroup>): Promise<ManagerReading | undefined> {
    let reading: ManagerReading | undefined;
    await this.#getAll(MANAGER_PATH, MANAGER_INTERFACE, (reply) => {
      reading = readManagerReading(reply, groups);
    });
    return reading;
  }

  async describeUnit(unit: string): Promise<UnitDescription | undefined> {
    const own = await this.#describe(unit);
    const timer = own?.triggeredBy.find((name) => name.endsWith(".timer"));
    if (own === undefined || timer === undefined || own.nextRunNs > 0n) return own;
    const { nextRunNs = 0n } = (await this.#describe(timer)) ?? {};
    return { ...own, nextRunNs };
  }

  /** GetUnit finds a loaded unit alone: a path that is made of a name would load it. */
  async #describe(unit: string): Promise<UnitDescription | undefined> {
    let path: string | undefined;
    const get = { path: MANAGER_PATH, interface: MANAGER_INTERFACE, member: "GetUnit" };
    const isFound = await this.#ask({ ...get, signature: "s", body: [unit] }, unit, (reply) => {
      path = reply.read("o", (reader) => reader.string());
    });
    if (!isFound || path === undefined) return undefined;
    let description: UnitDescription | undefined;
    await this.#getAll(path, "", (reply) => {
      description = readUnitDescription(reply);
    });
    return description;
  }

  /** Returns false if the unit is gone. */
  async #read(reading: UnitReading, path: string, query: PropertyQuery): Promise<boolean> {
    const { interfaceName: name } = query;
    const known = query.properties.filter((property) => !this.#unknown.has(`${name}.${property}`));
    if (known.length > MAX_GETS) {
      const wanted = new Set(known);
      return this.#getAll(path, name, (reply) => addProperties(reading, wanted, reply));
    }
    const reads = known.map((property) => {
      const get = { path, interface: PROPERTIES_INTERFACE, member: "Get", signature: "ss" };
      return this.#ask({ ...get, body: [name, property] }, `${name}.${property}`, (reply) => {
        reply.read("v", (reader) => addProperty(reading, property, reader));
      });
    });
    return (await Promise.all(reads)).every((isRead) => isRead);
  }

  #getAll(path: string, name: string, read: (reply: Message) => void): Promise<boolean> {
    const get = { path, interface: PROPERTIES_INTERFACE, member: "GetAll", signature: "s" };
    return this.#ask({ ...get, body: [name] }, name, read);
  }

  /** Returns false for an error reply, except if `what` is a property that systemd doesn't have. */
  async #ask(
    request: Parameters<PatientCall>[0],
    what: string,
    read: (reply: Message) => void,
  ): Promise<boolean> {
    if (this.#calls < MAX_CALLS) this.#calls += 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      await this.#call(request, read);
      return true;
    } catch (error) {
      if (!(error instanceof DBusError)) throw error;
      if (error.name !== UNKNOWN_PROPERTY) return false;
      this.#unknown.add(what);
      return true;
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#calls -= 1;
      else next();
    }
  }
}
