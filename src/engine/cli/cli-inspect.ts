import { parseJson } from "../../platform/data/json.ts";
import type { CommandOutput, InspectAnswer } from "../../domain/runtime.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";

/** Ids in one command: keeps its arguments far below the system's limit. */
const IDS_PER_COMMAND = 200;
/** Commands at a time, where each asks for one container. */
const AT_ONCE = 4;
/** It is the way to the engine that fails, whichever container is asked about. */
const UNREACHABLE =
  /connect|permission denied|daemon running|context .* (?:not found|does not exist)/i;

type Outputs = Pick<CommandOutput, "stdout" | "exitCode" | "stderr">;

export interface CommandInspection {
  readonly signal: AbortSignal;
  /** Runs `inspect` of these to its end, or to its limit. */
  readonly ask: (ids: readonly string[]) => Promise<Outputs>;
  readonly failure: (why: string) => Error;
}

/**
 * Inspects containers, many by one command. Where one can't be inspected, the command fails, or
 * hangs, for them all: those that it didn't tell are asked for one by one then.
 *
 * @throws where it is the way to the engine that fails
 */
export async function inspectByCommand(
  ids: readonly string[],
  options: CommandInspection,
): Promise<InspectAnswer> {
  const documents: unknown[] = [];
  const failures: { id: string; error: Error }[] = [];
  const ask = async (some: readonly string[]): Promise<Left> => {
    const left = await askFor(some, options);
    documents.push(...left.documents);
    return left;
  };
  for (let at = 0; at < ids.length; at += IDS_PER_COMMAND) {
    const some = ids.slice(at, at + IDS_PER_COMMAND);
    const first = await ask(some);
    await someAtOnce(first.ids, AT_ONCE, async (id) => {
      const { ids: failed, error } = some.length === 1 ? first : await ask([id]);
      if (failed.length > 0) failures.push({ id, error });
    });
  }
  return { documents, failures };
}

/** What a command told, and the containers that it should have told of too. */
interface Left {
  readonly documents: readonly unknown[];
  readonly ids: readonly string[];
  readonly error: Error;
}

async function askFor(ids: readonly string[], options: CommandInspection): Promise<Left> {
  const { stdout, exitCode, stderr } = await options.ask(ids);
  options.signal.throwIfAborted();
  const documents = parseArray(stdout);
  const error = options.failure(whyOf(exitCode, stderr));
  if (documents !== undefined && exitCode === 0) return { documents, ids: [], error };
  if (UNREACHABLE.test(stderr)) throw error;
  const told = new Set(documents?.map((document) => (document as { Id?: unknown } | null)?.Id));
  const lines = stderr.split("\n").filter((line) => /no such/i.test(line));
  const gone = new Set(lines.flatMap((line) => line.split(/[\s:"']+/)));
  const left = ids.filter((id) => !told.has(id) && !gone.has(id));
  // Exit 1 with an array is the normal answer where some of the containers are gone.
  return { documents: documents ?? [], ids: left, error };
}

export function whyOf(exitCode: number | undefined, stderr: string): string {
  return stderr.trim() || `exit code ${exitCode ?? "none"}`;
}

function parseArray(text: string): readonly unknown[] | undefined {
  const value = parseJson(text);
  return Array.isArray(value) ? value : undefined;
}
