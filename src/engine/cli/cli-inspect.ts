import { parseJson } from "../../platform/data/json.ts";
import type { CommandOutput, InspectAnswer } from "../../domain/runtime.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";

/** Ids in one command: its arguments stay far below the system's limit. */
const IDS_PER_COMMAND = 200;
/** Commands at a time, if each inspects one container. */
const CONCURRENCY = 4;
/** Messages of a command that can't reach the engine at all. */
const UNREACHABLE =
  /connect|permission denied|daemon running|context .* (?:not found|does not exist)/i;

type Outputs = Pick<CommandOutput, "stdout" | "exitCode" | "stderr">;

export interface CommandInspection {
  readonly signal: AbortSignal;
  /** Runs `inspect` of these ids to its end or its time limit. */
  readonly run: (ids: readonly string[]) => Promise<Outputs>;
  readonly failure: (why: string) => Error;
}

/**
 * Inspects containers, many by one command. If one can't be inspected, the command fails or hangs
 * for all of them: those it didn't print are then inspected one by one.
 *
 * @throws if the engine itself is unavailable
 */
export async function inspectByCommand(
  ids: readonly string[],
  options: CommandInspection,
): Promise<InspectAnswer> {
  const documents: unknown[] = [];
  const failures: { id: string; error: Error }[] = [];
  const inspect = async (some: readonly string[]): Promise<Left> => {
    const left = await runInspect(some, options);
    documents.push(...left.documents);
    return left;
  };
  for (let at = 0; at < ids.length; at += IDS_PER_COMMAND) {
    const some = ids.slice(at, at + IDS_PER_COMMAND);
    const first = await inspect(some);
    await someAtOnce(first.ids, CONCURRENCY, async (id) => {
      const { ids: failed, error } = some.length === 1 ? first : await inspect([id]);
      if (failed.length > 0) failures.push({ id, error });
    });
  }
  return { documents, failures };
}

/** Output of one command. */
interface Left {
  readonly documents: readonly unknown[];
  /** Containers that it should have printed too. */
  readonly ids: readonly string[];
  readonly error: Error;
}

async function runInspect(ids: readonly string[], options: CommandInspection): Promise<Left> {
  const { stdout, exitCode, stderr } = await options.run(ids);
  options.signal.throwIfAborted();
  const documents = parseArray(stdout);
  const error = options.failure(whyOf(exitCode, stderr));
  if (documents !== undefined && exitCode === 0) return { documents, ids: [], error };
  if (UNREACHABLE.test(stderr)) throw error;
  const printed = new Set(documents?.map((document) => (document as { Id?: unknown } | null)?.Id));
  const lines = stderr.split("\n").filter((line) => /no such/i.test(line));
  const gone = new Set(lines.flatMap((line) => line.split(/[\s:"']+/)));
  const left = ids.filter((id) => !printed.has(id) && !gone.has(id));
  // Exit code 1 with an array is normal if some of the containers are gone.
  return { documents: documents ?? [], ids: left, error };
}

export function whyOf(exitCode: number | undefined, stderr: string): string {
  return stderr.trim() || `exit code ${exitCode ?? "none"}`;
}

function parseArray(text: string): readonly unknown[] | undefined {
  const value = parseJson(text);
  return Array.isArray(value) ? value : undefined;
}
