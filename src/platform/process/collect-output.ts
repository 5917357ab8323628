import type { Process, ProcessExit } from "../../domain/process.ts";
import type { CommandOutput } from "../../domain/runtime.ts";

export interface CollectOptions {
  /** Bound of stdout. */
  readonly maxBytes: number;
  /** `latin1` for output that isn't text: each character is one byte. Default: UTF-8. */
  readonly encoding?: "utf8" | "latin1" | undefined;
  /** True to return the first `maxBytes` of a larger output, without an exit code. */
  readonly isCut?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reads a process to its end, then kills it.
 *
 * @throws if the output is larger, unless it is to be cut, or `signal` aborts
 */
export async function collectOutput(
  process: Process,
  options: CollectOptions,
): Promise<CommandOutput> {
  const kill = (): unknown => process.kill();
  options.signal.addEventListener("abort", kill, { once: true });
  if (options.signal.aborted) kill();
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of process.stdout) {
      const piece = Buffer.from(chunk);
      bytes += piece.length;
      if (bytes > options.maxBytes && options.isCut === true) {
        const stdout = Buffer.concat([...chunks, piece], options.maxBytes);
        return { stdout: stdout.toString(options.encoding), exitCode: undefined, stderr: "" };
      }
      if (bytes > options.maxBytes) {
        throw new Error(`its output is larger than ${options.maxBytes} bytes`);
      }
      chunks.push(piece);
    }
    const exit = (await process.exited) as Partial<ProcessExit> | undefined;
    options.signal.throwIfAborted();
    return {
      stdout: Buffer.concat(chunks).toString(options.encoding ?? "utf8"),
      exitCode: exit?.exitCode,
      stderr: exit?.stderr ?? "",
    };
  } finally {
    options.signal.removeEventListener("abort", kill);
    kill();
  }
}
