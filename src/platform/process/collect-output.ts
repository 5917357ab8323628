import type { Process, ProcessExit } from "../../domain/process.ts";
import type { CommandOutput } from "../../domain/runtime.ts";

/**
 * Reads a process to its end, then kills it.
 *
 * @param maxBytes bound of stdout
 * @throws if the output is larger, or `signal` aborts
 */
export async function collectOutput(
  process: Process,
  options: { readonly maxBytes: number; readonly signal: AbortSignal },
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
      if (bytes > options.maxBytes) {
        throw new Error(`its output is larger than ${options.maxBytes} bytes`);
      }
      chunks.push(piece);
    }
    const exit = (await process.exited) as Partial<ProcessExit> | undefined;
    options.signal.throwIfAborted();
    return {
      stdout: Buffer.concat(chunks).toString("utf8"),
      exitCode: exit?.exitCode,
      stderr: exit?.stderr ?? "",
    };
  } finally {
    options.signal.removeEventListener("abort", kill);
    kill();
  }
}
