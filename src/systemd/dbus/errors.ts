/**
 * Reason why a connection ended or a call could not be made.
 *
 * - `malformed`: bytes that break the D-Bus specification
 * - `limit`: exceeds a limit of ours, well-formed or not
 * - `refused`: the peer refused to authenticate us, or refused Hello
 * - `timeout`: the handshake or a call took too long
 * - `eof`: the peer ended the stream
 * - `stream`: the byte stream failed; `cause` has the error
 * - `aborted`: the caller's signal aborted; `cause` is its reason
 * - `closed`: closed on our side, or a call on a closed connection
 * - `listener`: the caller's `onSignal` threw; `cause` is the thrown value
 */
export type DBusProtocolErrorCode =
  | "malformed"
  | "limit"
  | "refused"
  | "timeout"
  | "eof"
  | "stream"
  | "aborted"
  | "closed"
  | "listener";

/** The one error of this folder, except for a peer's error replies. */
export class DBusProtocolError extends Error {
  override readonly name = "DBusProtocolError";
  readonly code: DBusProtocolErrorCode;

  constructor(code: DBusProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** True if the connection was cut, also if a later call found that. */
export function wasCut({ code }: DBusProtocolError): boolean {
  return code === "eof" || code === "stream" || code === "closed";
}

/** A peer's error reply to a call. The connection stays open. */
export class DBusError extends Error {
  /** The error's D-Bus name, such as `org.freedesktop.DBus.Error.NoReply`. */
  override readonly name: string;

  /** @param text the peer's message; "" if it has none */
  constructor(name: string, text: string) {
    super(text);
    this.name = name;
  }
}

/** Returns the error for an operation that a signal aborted. */
export function abortedError(what: string, signal: AbortSignal): DBusProtocolError {
  return new DBusProtocolError("aborted", `${what} was aborted`, { cause: signal.reason });
}
