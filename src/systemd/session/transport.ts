import type {
  RestartCount,
  ParseErrorMessage,
  ServiceEvidence,
  ServiceSignal,
  SilenceMessage,
  SystemdTransport,
  UnitIds,
  UnitSignal,
} from "../../domain/systemd.ts";
import type { ReadingSource } from "../../domain/readings.ts";
import type { FrozenState, UnitRow } from "../../domain/unit.ts";
import type { ManagerProperties, ManagerSignal } from "../format/manager.ts";

/** A message that systemd sends without a call, or its silence. */
export type TransportMessage =
  | UnitSignal
  | ServiceSignal
  | ManagerSignal
  | SilenceMessage
  | ParseErrorMessage;

/** Number of units that `findUnits` looks up by name. */
export const MAX_NAMED_UNITS = 100;

/**
 * The port of a session: one open connection to one systemd. No call loads a unit that isn't
 * loaded: the unit would be removed again, which would go round in circles. A call waits for as long as
 * systemd is silent.
 */
export interface Transport {
  readonly name: SystemdTransport;
  /**
   * Cost of a listing. A `costly` one starts a process in the container, so the session lists at
   * most once a second, and only for a reason.
   */
  readonly listing: "cheap" | "costly";
  /** Resolves when the stream has ended: to its fault, or to undefined if it had none. */
  readonly closed: Promise<Error | undefined>;
  /**
   * Has systemd send its signals. From the first call on, `onMessage` gets each message in the
   * order of the wire, and one when systemd falls silent or is so no more. Repeated after each change of
   * systemd's owner.
   */
  subscribe(onMessage: (message: TransportMessage) => void): Promise<void>;
  /**
   * Reads all loaded units as of a time in Unix nanoseconds. No message that follows the answer on
   * the wire is passed on before `read` has returned.
   *
   * @param names names to be resolved, as of the same time; `read` gets their Ids
   */
  listUnits<T>(
    read: (rows: readonly UnitRow[], asOfNs: bigint, ids: UnitIds) => T,
    names: readonly string[],
  ): Promise<T>;
  /**
   * Reads those of the units that are loaded, with the Ids of `names`; all loaded units if there are more than
   * {@link MAX_NAMED_UNITS} names. Absent if the transport can't look units up by name.
   */
  findUnits?(
    units: readonly string[],
    read: (rows: readonly UnitRow[], ids: UnitIds) => void,
    names: readonly string[],
  ): Promise<void>;
  /** Reads the ActiveEnterTimestamp of active units, as Unix nanoseconds, if it is available. */
  startTimes(units: readonly string[], read: (unit: string, timeNs: bigint) => void): Promise<void>;
  /** Reads the FreezerState of units, if it is available. */
  frozenStates(
    units: readonly string[],
    read: (unit: string, frozenState: FrozenState | undefined) => void,
  ): Promise<void>;
  /**
   * Reads OOMKills of services; none where systemd doesn't have it (up to v257). Absent if it would cost
   * a process in the container.
   */
  oomKills?(
    services: readonly string[],
    read: (service: string, count: number) => void,
  ): Promise<void>;
  /**
   * Reads each of these services that changed since its StateChangeTimestamp, given in Unix
   * nanoseconds, in the order of the wire. Absent if the transport has no such order.
   */
  evidence?(
    services: ReadonlyMap<string, bigint>,
    read: (evidence: ServiceEvidence) => void,
  ): Promise<void>;
  /** Returns false if systemd's lines about failures don't go to the journal. Absent as above. */
  logsToJournal?(): Promise<boolean>;
  /** Reads NRestarts, Restart= and RestartSec= of services, in the order of the wire. Absent as above. */
  restartCounts?(
    services: readonly string[],
    read: (service: string, count: RestartCount) => void,
  ): Promise<void>;
  managerState(): Promise<ManagerProperties>;
  /** Reads what no signal carries. Absent if it would cost a process in the container. */
  readonly readings?: ReadingSource;
  /** Ends the stream; pending calls are rejected. */
  close(): void;
}
