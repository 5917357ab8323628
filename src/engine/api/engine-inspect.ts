import { asError } from "../../platform/data/as-error.ts";
import type { InspectAnswer } from "../../domain/runtime.ts";
import { EngineError, UnreachableError } from "./engine-http.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";

/** Containers that are inspected at a time. */
const CONCURRENCY = 8;
/** Statuses by which the engine, or a proxy before it, forbids inspecting any container. */
const FORBIDDEN: ReadonlySet<number> = new Set([401, 403, 405, 501]);

/**
 * Inspects containers, each by its own request. A container that can't be inspected costs none of
 * the others.
 *
 * @throws if the engine itself is unavailable
 */
export async function inspectEach(
  ids: readonly string[],
  options: { readonly request: (id: string) => Promise<unknown>; readonly signal: AbortSignal },
): Promise<InspectAnswer> {
  const { request, signal } = options;
  const documents: unknown[] = [];
  const failures: { id: string; error: Error }[] = [];
  await someAtOnce(ids, CONCURRENCY, async (id) => {
    try {
      documents.push(await withRetry(() => request(id), signal));
    } catch (error) {
      if (isGone(error)) return;
      if (signal.aborted || affectsAll(error)) throw error;
      failures.push({ id, error: asError(error) });
    }
  });
  return { documents, failures };
}

/** Retries once if the connection broke: a pooled one may be closed just as it is used. */
async function withRetry(request: () => Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  try {
    return await checked(request());
  } catch (error) {
    if (!isCut(error) || signal.aborted) throw error;
    return await checked(request());
  }
}

async function checked(pending: Promise<unknown>): Promise<unknown> {
  const document = (await pending) as { readonly Id?: unknown } | null | undefined;
  if (typeof document?.Id === "string") return document;
  throw new Error("the engine's answer is not an inspect document");
}

function isCut(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).code === "string" && !affectsAll(error);
}

/** podman answers 500 if the container is removed during the lookup. */
function isGone(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  return error.status === 404 || (error.status === 500 && /no such container/i.test(error.message));
}

function affectsAll(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  return error instanceof EngineError && FORBIDDEN.has(error.status);
}
