import type { ProcessExit } from "../../domain/process.ts";

/** Exit codes of an exec whose command is missing, or can't be run. */
const NO_COMMAND: ReadonlySet<number | undefined> = new Set([126, 127]);

/** The bridge to systemd ended, or failed to connect. */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  /** True if its command is missing in this container, so that no attempt can succeed. */
  readonly isFinal: boolean;
  /** True if the command ran, and found nothing to connect to. */
  readonly isAbsent: boolean;

  constructor(cause: Error, exit: Partial<ProcessExit> | undefined) {
    const stderr = exit?.stderr?.trim() ?? "";
    super(stderr === "" ? cause.message : `${cause.message}; ${stderr}`, { cause });
    // The same codes come if the container stopped just then.
    this.isFinal = NO_COMMAND.has(exit?.exitCode) && !/\bstopped\b|not running/.test(this.message);
    this.isAbsent =
      exit?.exitCode === 1 &&
      cause.message.endsWith("before an answer to AUTH") &&
      (stderr === "" || /\bNo such file or directory$/.test(stderr));
  }
}
