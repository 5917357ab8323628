import type { ActiveState, UnitRow } from "./unit.ts";

/** How a container's systemd is watched. */
export type SystemdTransport = "dbus" | "busctl";

/** A Unit signal, as far as it is needed: org.freedesktop.systemd1.Unit properties. */
export interface UnitSignal {
  readonly unit: string;
  readonly activeState: ActiveState;
  readonly subState: string;
  /**
   * When it entered the state, as Unix nanoseconds: StateChangeTimestamp, 0n for a unit that never
   * changed; the signal's own time where it doesn't carry that property.
   */
  readonly stateChangeNs: bigint;
  /** When the signal was sent or, failing that, received: Unix nanoseconds. */
  readonly timeNs: bigint;
}

/** A Service signal, as far as it is needed: org.freedesktop.systemd1.Service properties. */
export interface ServiceSignal {
  readonly unit: string;
  readonly result: string | undefined;
  readonly restarts: number | undefined;
  /** ExecMainStatus: exit status or signal number. */
  readonly exitStatus: number | undefined;
  readonly timeNs: bigint;
}

/**
 * What a systemd source tells, in the order of the wire. All calls are synchronous and never throw:
 * a source needs no answer.
 */
export interface SystemdSink {
  /** The stream stands: from `atNs` on, every change is told. */
  attached(transport: SystemdTransport, atNs: bigint): void;
  /**
   * All units that are loaded. A unit of which a signal was told that is newer than `asOfNs` is
   * known better than its row.
   */
  snapshot(rows: readonly UnitRow[], asOfNs: bigint): void;
  unit(signal: UnitSignal): void;
  service(signal: ServiceSignal): void;
  /** A piece of input couldn't be read: it is counted, and the stream goes on. */
  parseError(): void;
}

/** One way to watch the systemd of one container. */
export interface SystemdSource {
  readonly transport: SystemdTransport;
  /**
   * Watches until the stream ends or `signal` aborts. Resolves at an end without a fault of its
   * own (EOF, abort); rejects with the cause where it can't be had or breaks.
   */
  run(sink: SystemdSink, options: { readonly signal: AbortSignal }): Promise<void>;
}
