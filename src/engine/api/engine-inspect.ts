import { asError } from "../../platform/data/as-error.ts";
import type { InspectAnswer } from "../../domain/runtime.ts";
import { EngineError, UnreachableError } from "./engine-errors.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";

/** Containers that are inspected at a time. */
const AT_ONCE = 8;
/** The engine, or a proxy before it, lets nobody ask that, whichever container it is about. */
const BARRED: ReadonlySet<number> = new Set([401, 403, 405, 501]);

/**
 * Inspects containers, each by a question of its own. One that can't be inspected costs none of the
 * others.
 *
 * @throws where it is the way to the engine that fails
 */
export async function inspectEach(
  ids: readonly string[],
  options: { readonly ask: (id: string) => Promise<unknown>; readonly signal: AbortSignal },
): Promise<InspectAnswer> {
  const { ask, signal } = options;
  const documents: unknown[] = [];
  const failures: { id: string; error: Error }[] = [];
  await someAtOnce(ids, AT_ONCE, async (id) => {
    try {
      documents.push(await askTwice(() => ask(id), signal));
    } catch (error) {
      if (isGone(error)) return;
      if (signal.aborted || concernsAll(error)) throw error;
      failures.push({ id, error: asError(error) });
    }
  });
  return { documents, failures };
}

/** A connection that was kept may be closed just as it is used: another one tells more. */
async function askTwice(ask: () => Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  try {
    return await checked(ask());
  } catch (error) {
    if (!isCut(error) || signal.aborted) throw error;
    return await checked(ask());
  }
}

async function checked(asked: Promise<unknown>): Promise<unknown> {
  const document = (await asked) as { readonly Id?: unknown } | null | undefined;
  if (typeof document?.Id === "string") return document;
  throw new Error("the engine's answer is no inspect document");
}

function isCut(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).code === "string" && !concernsAll(error);
}

/** podman answers 500 where the container goes while it is looked for. */
function isGone(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  return error.status === 404 || (error.status === 500 && /no such container/i.test(error.message));
}

function concernsAll(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  return error instanceof EngineError && BARRED.has(error.status);
}
