import type { ProcessExit } from "../../domain/process.ts";

/** Exit codes of an exec whose command isn't there, or can't be run. */
const NO_COMMAND: ReadonlySet<number | undefined> = new Set([126, 127]);

/** A way to systemd ended, or didn't come about. */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  /** True where it can never be had in this container: its command isn't there. */
  readonly isFinal: boolean;
  /** True where the command is there, and found nothing to connect to. */
  readonly isAbsent: boolean;

  constructor(cause: Error, exit: Partial<ProcessExit> | undefined) {
    const stderr = exit?.stderr?.trim() ?? "";
    super(stderr === "" ? cause.message : `${cause.message}; ${stderr}`, { cause });
    // The same codes stand for a container that stopped just then.
    this.isFinal = NO_COMMAND.has(exit?.exitCode) && !/\bstopped\b|not running/.test(this.message);
    this.isAbsent =
      exit?.exitCode === 1 &&
      cause.message.endsWith("before an answer to AUTH") &&
      (stderr === "" || /\bNo such file or directory$/.test(stderr));
  }
}
