import type { RestartCount } from "../../domain/systemd.ts";
import { type FrozenState, frozenStateOf } from "../../domain/unit.ts";
import { DBusError } from "../dbus/errors.ts";
import type { Message } from "../dbus/message.ts";
import type { Reader } from "../dbus/reader.ts";
import type { ManagerProperties } from "../format/manager.ts";
import {
  MANAGER_INTERFACE,
  MANAGER_PATH,
  SERVICE_INTERFACE,
  UNIT_INTERFACE,
  unitPath,
} from "../format/objects.ts";
import { hasStatuses, restartPolicy } from "../format/restart-policy.ts";
import { systemdWord } from "../format/unit-signals.ts";
import { MAX_NAMED_UNITS } from "../session/transport.ts";

const UNKNOWN_PROPERTY = "org.freedesktop.DBus.Error.UnknownProperty";
/** Values of LogLevel that leave out "Failed with result ...", a warning. */
const LEVELS_ABOVE_WARNING = new Set(["emerg", "alert", "crit", "err"]);
/** Values of LogTarget by which lines reach the journal with the unit and its run. */
const JOURNAL_TARGETS = new Set(["journal", "journal-or-kmsg", "auto"]);
const MAX_COUNT = BigInt(Number.MAX_SAFE_INTEGER);

/** A property of one of systemd's objects. */
export interface PropertyRequest {
  readonly path: string;
  readonly interfaceName: string;
  readonly property: string;
}

/** Reads a property. @throws DBusError if systemd, or the unit, doesn't have it */
export type GetProperty = <T>(request: PropertyRequest, read: (reader: Reader) => T) => Promise<T>;

/** Reads all properties of an object, of all its interfaces, at once. @throws DBusError as above */
export type GetAllProperties = <T>(path: string, read: (reply: Message) => T) => Promise<T>;

/** Reads properties of systemd and its units; leaves out what this version of systemd doesn't have. */
export class DbusProperties {
  readonly #get: GetProperty;
  readonly #getAll: GetAllProperties;
  /** False once systemd has answered that it doesn't know OOMKills. */
  #hasOomKills = true;

  constructor(calls: { readonly get: GetProperty; readonly getAll: GetAllProperties }) {
    this.#get = calls.get;
    this.#getAll = calls.getAll;
  }

  /** Returns false if LogLevel or LogTarget keeps lines about failures out of the journal. */
  async logsToJournal(): Promise<boolean> {
    const [level, target] = await Promise.all([
      this.#getOptional(managerProperty("LogLevel"), readWord),
      this.#getOptional(managerProperty("LogTarget"), readWord),
    ]);
    const isQuiet = level !== undefined && LEVELS_ABOVE_WARNING.has(level);
    return !isQuiet && (target === undefined || JOURNAL_TARGETS.has(target));
  }

  async manager(): Promise<ManagerProperties> {
    const of = managerProperty;
    const text = (property: string): Promise<string> =>
      this.#get(of(property), (reader) => reader.enterVariant("s").string());
    const [version, systemState, userspaceUs, softReboots] = await Promise.all([
      text("Version"),
      text("SystemState"),
      this.#getOptional(of("UserspaceTimestamp"), readCount),
      this.#getOptional(of("SoftRebootsCount"), readCount),
    ]);
    const number = softReboots === undefined ? undefined : Number(softReboots);
    return { version, systemState, userspaceUs, softReboots: number };
  }

  /** Reads ActiveEnterTimestamp, in Unix nanoseconds; none of a unit that was removed meanwhile. */
  async startTimes(
    units: readonly string[],
    read: (unit: string, timeNs: bigint) => void,
  ): Promise<void> {
    await inGroups(units, async (unit) => {
      const request = unitProperty(unit, UNIT_INTERFACE, "ActiveEnterTimestamp");
      await this.#getOptional(request, (reader) =>
        read(unit, reader.enterVariant("t").uint64() * 1_000n),
      );
    });
  }

  /** Reads all properties of services with another StateChangeTimestamp than this, in Unix nanoseconds. */
  async changed(
    services: ReadonlyMap<string, bigint>,
    read: (reply: Message, service: string) => void,
  ): Promise<void> {
    await inGroups([...services.keys()], async (service) => {
      const changed = unitProperty(service, UNIT_INTERFACE, "StateChangeTimestamp");
      const knownNs = services.get(service) ?? 0n;
      const isSame = (reader: Reader): boolean => (readCount(reader) ?? 0n) * 1_000n === knownNs;
      if (knownNs > 0n && (await this.#getOptional(changed, isSame)) !== false) return;
      try {
        await this.#getAll(unitPath(service), (reply) => read(reply, service));
      } catch (error) {
        if (!(error instanceof DBusError)) throw error;
      }
    });
  }

  /** Reads NRestarts, Restart= and RestartSec=; none of a service that was removed meanwhile. */
  async restartCounts(
    services: readonly string[],
    read: (service: string, count: RestartCount) => void,
  ): Promise<void> {
    const of = (service: string, property: string): PropertyRequest =>
      unitProperty(service, SERVICE_INTERFACE, property);
    await inGroups(services, async (service) => {
      const [restart, restarts] = await Promise.all([
        this.#getOptional(of(service, "Restart"), readWord),
        this.#getOptional(of(service, "NRestarts"), readCount),
      ]);
      if (restarts === undefined) return;
      // Most services have no Restart=, and need no further call.
      const [isForced = false, delayUs = 0n] =
        restart === "no"
          ? []
          : await Promise.all([
              this.#getOptional(of(service, "RestartForceExitStatus"), readStatuses),
              this.#getOptional(of(service, "RestartUSec"), readCount),
            ]);
      read(service, {
        restarts: Number(restarts),
        policy: restartPolicy(systemdWord(restart), isForced),
        restartDelayNs: delayUs * 1_000n,
      });
    });
  }

  async frozenStates(
    units: readonly string[],
    read: (unit: string, frozenState: FrozenState | undefined) => void,
  ): Promise<void> {
    await inGroups(units, async (unit) => {
      const request = unitProperty(unit, UNIT_INTERFACE, "FreezerState");
      await this.#getOptional(request, (reader) => read(unit, frozenStateOf(readWord(reader))));
    });
  }

  async oomKills(
    services: readonly string[],
    read: (service: string, count: number) => void,
  ): Promise<void> {
    const getOne = async (service: string): Promise<void> => {
      try {
        await this.#get(unitProperty(service, SERVICE_INTERFACE, "OOMKills"), (reader) => {
          const count = readCount(reader);
          // systemd's largest number means that it has no value.
          if (count !== undefined && count <= MAX_COUNT) read(service, Number(count));
        });
      } catch (error) {
        if (!(error instanceof DBusError)) throw error;
        if (error.name === UNKNOWN_PROPERTY) this.#hasOomKills = false;
      }
    };
    // The first answer shows whether the others are worth a call.
    const [first, ...others] = services;
    if (first !== undefined && this.#hasOomKills) await getOne(first);
    if (this.#hasOomKills) await inGroups(others, getOne);
  }

  async #getOptional<T>(
    request: PropertyRequest,
    read: (reader: Reader) => T,
  ): Promise<T | undefined> {
    try {
      return await this.#get(request, read);
    } catch (error) {
      if (error instanceof DBusError) return undefined;
      throw error;
    }
  }
}

async function inGroups(
  units: readonly string[],
  get: (unit: string) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < units.length; at += MAX_NAMED_UNITS) {
    await Promise.all(units.slice(at, at + MAX_NAMED_UNITS).map(get));
  }
}

function managerProperty(property: string): PropertyRequest {
  return { path: MANAGER_PATH, interfaceName: MANAGER_INTERFACE, property };
}

function unitProperty(unit: string, interfaceName: string, property: string): PropertyRequest {
  return { path: unitPath(unit), interfaceName, property };
}

/** Reads a variant of a number; undefined if it holds another type. */
function readCount(reader: Reader): bigint | undefined {
  const type = reader.variantType();
  if (type.code === "t") return reader.uint64();
  if (type.code === "u") return BigInt(reader.uint32());
  reader.skipType(type);
  return undefined;
}

/** Reads a variant of exit codes and signals; returns false if it holds another type. */
function readStatuses(reader: Reader): boolean {
  const type = reader.variantType();
  if (type.code === "(") return hasStatuses(reader);
  reader.skipType(type);
  return false;
}

/** Reads a variant of a string; undefined if it holds another type. */
function readWord(reader: Reader): string | undefined {
  const type = reader.variantType();
  if (type.code === "s") return reader.string();
  reader.skipType(type);
  return undefined;
}
