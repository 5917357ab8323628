import type { ProcessExit } from "../../domain/process.ts";
import { asError } from "../../platform/data/as-error.ts";
import { DBusError, DBusProtocolError, wasCut } from "../dbus/errors.ts";
import { saysCannotRun, saysNoCommand } from "../format/exec-failure.ts";
import { SilenceError } from "../session/systemd-session.ts";
import { SocketError } from "./socket-error.ts";
import type { Verdict } from "./verdict.ts";

/** Exit codes of an exec whose command can't be run: because it is missing, or for any other reason. */
const NO_COMMAND: ReadonlySet<number> = new Set([126, 127]);
/** Exit codes from here on are an engine's, its command's, or those of a command that was killed. */
const FIRST_FOREIGN_CODE = 125;

const IS_DOWN = /\b(?:stopped|paused|not running)\b/;
const NO_RESOURCES =
  /resource temporarily unavailable|cannot allocate memory|too many open files|no space left|cannot fork/i;
/**
 * Up to v252 the bridge says nothing. While dbus.socket waits for a bus that systemd doesn't start,
 * because the system stops, it accepts a connection and cuts it.
 */
const NOTHING_THERE =
  /^$|: (?:No such file or directory|Connection refused|Connection reset by peer|Broken pipe|Transport endpoint is not connected)$/;
/** How the bridge's own messages begin; an engine's command writes to the same stream. */
const FROM_BRIDGE = /^$|^Failed to /;
/** Errors of a bus that systemd hasn't reached yet. */
const NOT_ON_BUS: ReadonlySet<string> = new Set([
  "org.freedesktop.DBus.Error.NameHasNoOwner",
  "org.freedesktop.DBus.Error.ServiceUnknown",
]);

/** The bridge to systemd ended, failed to connect, or couldn't be started. */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  readonly verdict: Verdict;

  /** @param exit of the bridge; undefined, or without an exit code, if that isn't known */
  constructor(cause: Error, exit: Partial<ProcessExit> | undefined) {
    const stderr = exit?.stderr?.trim() ?? "";
    super(stderr === "" ? cause.message : `${cause.message}; ${stderr}`, { cause });
    this.verdict = verdictOn(cause, { text: this.message, stderr, exitCode: exit?.exitCode });
  }
}

/** Returns the error for a command that the engine couldn't start in the container. */
export function startError(error: unknown): BridgeError {
  return error instanceof BridgeError ? error : new BridgeError(asError(error), undefined);
}

/** Returns what an error of an attempt says about its way. */
export function verdictOf(error: unknown): Verdict {
  if (error instanceof BridgeError || error instanceof SocketError) return error.verdict;
  // Every way leads to the same systemd.
  if (error instanceof SilenceError) return "outside";
  if (error instanceof DBusError && NOT_ON_BUS.has(error.name)) return "absent";
  return "broken";
}

interface Ending {
  /** All that was said. */
  readonly text: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
}

function verdictOn(cause: Error, { text, stderr, exitCode }: Ending): Verdict {
  // The codes of a missing command come if the container stopped just then, too.
  if (IS_DOWN.test(text) || NO_RESOURCES.test(text)) return "outside";
  if (exitCode === undefined) return saysNoCommand(text) ? "missing" : "outside";
  if (NO_COMMAND.has(exitCode)) {
    const isMissing = saysNoCommand(text) || (exitCode === 127 && !saysCannotRun(text));
    return isMissing ? "missing" : "outside";
  }
  if (exitCode >= FIRST_FOREIGN_CODE || !FROM_BRIDGE.test(stderr)) return "outside";
  const isEarly = cause.message.endsWith("before an answer to AUTH");
  if (exitCode === 1 && isEarly && NOTHING_THERE.test(stderr)) return "absent";
  // The bridge ended well: its connection was cut, on whichever side.
  const isCut = cause instanceof DBusProtocolError && wasCut(cause);
  return exitCode === 0 && isCut ? "outside" : "broken";
}
