import type { Clock } from "../../domain/clock.ts";
import type { Message } from "./message.ts";
import type { Value } from "./value.ts";

/** Limit on the handshake and on each call, unless told otherwise. */
export const defaultTimeoutMs = 10_000;

/** For `DBusConnection.connect`. */
export interface ConnectOptions {
  /** Who we say we are, a user id. By default we let the peer see for itself. */
  readonly uid?: number | string;
  /** Whether to say Hello, as a bus wants it; false for a peer that is no bus. Default true. */
  readonly hello?: boolean;
  /** Called with each signal, in the stream's order and while it is read: be quick. */
  readonly onSignal?: (message: Message) => void;
  /** Ends the handshake, and later the connection. */
  readonly signal?: AbortSignal;
  /** For authentication and Hello together. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /** For each call that has no limit of its own. Default 10,000. */
  readonly callTimeoutMs?: number;
  /** Runs the timers of these limits. Default: the machine's. */
  readonly clock?: Pick<Clock, "setTimeout">;
  /** Where serials start. Default 1. */
  readonly firstSerial?: number;
}

/** A method call, for `DBusConnection.call`. */
export interface CallRequest {
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** The types of `body`; `""` by default. */
  readonly signature?: string;
  readonly body?: readonly Value[];
  /** Past it the connection is closed: its peer is stuck. */
  readonly timeoutMs?: number;
  /** Gives up waiting. The connection goes on, and ignores the reply. */
  readonly signal?: AbortSignal;
}
