/*
 * systemd/transport: the ways to a container's systemd, each behind the port of a session.
 *
 *   socket.ts  the system bus through the host's /proc, without a process in the container: bus-socket.ts
 *              connects, container-root.ts finds the way in the container's tree, host-journal.ts reads
 *              its journal (host-journalctl.ts runs the host's command)
 *   dbus.ts    `systemd-stdio-bridge` in an exec, as a D-Bus connection: to the system bus (`bus`)
 *              or to systemd's own socket (`private`); dbus-transport.ts has the calls
 *   user-source.ts  user managers, over their bus or their private socket
 *   busctl.ts  `busctl monitor` in an exec, and a command for each call; busctl-transport.ts has them
 *   auto.ts    the best of these that works in the container; bridge-error.ts rates a failure, and
 *              upgrade.ts moves to a better one while a worse one runs (overlap.ts)
 *
 * read-lines.ts reads the last lines of runs, in the way in which the container is watched;
 * follow-journal.ts follows a whole journal, on the host by follow-files.ts.
 *
 * Always true: no process is started in a container before its systemd has set its cgroups up
 * (boot-gate.ts). One that is started there ends when its input ends, however unitwatch or the engine's
 * connection end (graceful-close.ts). The container isn't trusted: what it sends is bounded and
 * checked.
 *
 * May import: domain/, platform/, systemd/dbus/, systemd/format/, systemd/session/.
 */
import type { Clock } from "../../domain/clock.ts";
import type { FollowJournal, ReadLines } from "../../domain/journal.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import type { SystemdSource, SystemdTransport } from "../../domain/systemd.ts";
import { asError } from "../../platform/data/as-error.ts";
import type { Redactor } from "../../platform/data/redactor.ts";
import { JournalError, readJournal } from "../format/journal.ts";
import { JournalRecovery, type ReadJournal } from "../session/journal-recovery.ts";
import { AutoSource } from "./auto.ts";
import { BootGate } from "./boot-gate.ts";
import type { ContainerRootOptions } from "./container-root.ts";
import { BusctlSource } from "./busctl.ts";
import { DbusSource } from "./dbus.ts";
import { followJournal } from "./follow-journal.ts";
import type { FollowedOptions } from "./followed.ts";
import { hostJournal } from "./host-journal.ts";
import { HostJournalError } from "./host-journalctl.ts";
import { lineReader } from "./read-lines.ts";
import { SocketSource } from "./socket.ts";
import type { Way } from "./upgrade.ts";

export interface SystemdSourceOptions {
  readonly runtime: Pick<ContainerRuntime, "exec" | "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  /** Returns its PID 1 on the engine's host; 0 while that is unknown. */
  readonly pid: () => number;
  /** Returns the text that proves whose process that is, where an engine doesn't. Default: there is none. */
  readonly process?: (() => string | undefined) | undefined;
  /** False if no command can be run in containers: then there is `socket` alone. Default: true. */
  readonly runsCommands?: boolean;
  /** When it was started: Unix nanoseconds. */
  readonly startedAtNs: bigint;
  /** Returns the cgroups of its processes; undefined if the engine can't. Default: it can't. */
  readonly cgroups?: (signal: AbortSignal) => Promise<readonly string[] | undefined>;
  /** Returns false while the container may still boot. Default: always. */
  readonly hasBooted?: () => boolean;
  /** Returns true while the container is paused. Default: never. */
  readonly isPaused?: () => boolean;
}

const FORBIDDEN = /\b40[135]\b/;

/** Returns a source that runs nothing in the container before the gate is passed. */
export function gated(source: SystemdSource, gate: BootGate): SystemdSource {
  return {
    async run(take, run) {
      try {
        await gate.passed(run.signal);
      } catch (error) {
        if (run.signal.aborted) return;
        throw error;
      }
      await source.run(take, run);
    },
  };
}

/** Selection of `--systemd.transport`. */
export type TransportChoice = "auto" | "socket" | "dbus" | "busctl" | "off";

/**
 * Returns the source that `--systemd.transport` selects; undefined for `off`. It runs nothing in the
 * container before its systemd has set its cgroups up.
 */
export function systemdSource(
  transport: TransportChoice,
  options: SystemdSourceOptions,
): SystemdSource | undefined {
  const gate = new BootGate(options);
  const journal = new JournalRecovery({ ...options, read: journalReader(options, gate) });
  const socket = new SocketSource({ ...options, journal });
  if (options.runsCommands === false && transport !== "off") return socket;
  const dbus: readonly Way[] = [
    { source: gated(new DbusSource({ ...options, target: "bus" }), gate), peer: "bus" },
    { source: gated(new DbusSource({ ...options, target: "private" }), gate), peer: "private" },
  ];
  const busctl = gated(new BusctlSource(options), gate);
  switch (transport) {
    case "off":
      return undefined;
    case "socket":
      return socket;
    case "busctl":
      return busctl;
    case "dbus":
      return new AutoSource(dbus, options);
    case "auto": {
      const direct: Way = { source: socket, peer: "bus", isDirect: true };
      return new AutoSource([direct, ...dbus, { source: busctl, isBlind: true }], options);
    }
    default:
      return transport satisfies never;
  }
}

export interface JournalLinesOptions extends SystemdSourceOptions {
  readonly redactor: Redactor;
  /** Name of the transport that the container's systemd is watched over; undefined if it isn't. */
  readonly watchedOver: () => SystemdTransport | undefined;
  /** User whose manager's units the runs are of. Default: the system's. */
  readonly user?: string | undefined;
}

/**
 * Returns a reader of the last lines of runs, in the way in which the container's systemd is watched: over
 * the socket by the host's journalctl, else by a command in the container.
 */
export function journalLines(options: JournalLinesOptions): ReadLines {
  const { runsCommands, watchedOver } = options;
  return lineReader({
    ...options,
    at: placeOf(options),
    gate: new BootGate(options),
    prefersHost: () => runsCommands === false || watchedOver() === "socket",
  });
}

/** Returns a follower of the whole journal, in the way in which lines are read. */
export function journalFollower(options: JournalLinesOptions & FollowedOptions): FollowJournal {
  const { runsCommands, watchedOver } = options;
  return followJournal({
    ...options,
    at: placeOf(options),
    gate: new BootGate(options),
    prefersHost: () => runsCommands === false || watchedOver() === "socket",
  });
}

/** Returns where the container's PID 1 is, as of each call. */
export function placeOf({
  container,
  pid,
  process,
}: SystemdSourceOptions): () => ContainerRootOptions {
  return () => ({ container, pid: pid(), process: process?.() });
}

/** Reads the journal by the host's journalctl; by a command in the container where that can't. */
export function journalReader(
  options: SystemdSourceOptions & { readonly user?: string },
  gate: BootGate,
): ReadJournal {
  const { runtime, container, clock, runsCommands, user } = options;
  const onHost = hostJournal({ at: placeOf(options), clock, user });
  return async (query) => {
    try {
      return await onHost(query);
    } catch (error) {
      query.signal.throwIfAborted();
      if (!(error instanceof HostJournalError)) throw error;
      if (runsCommands === false) throw new JournalError(error.message, true);
      await gate.passed(query.signal);
      return readJournal({ runtime, container, clock, user, ...query }).catch((second: unknown) => {
        const why = `${error.message}; ${asError(second).message}`;
        // A proxy that lets no command through says so each time.
        throw FORBIDDEN.test(why) ? new JournalError(why, true) : second;
      });
    }
  };
}
