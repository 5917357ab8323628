import { ROUTES } from "../../domain/routes.ts";
import type { StatusReport } from "../../domain/status.ts";
import { parseJsonObject } from "../../platform/data/json.ts";
import { StatusError } from "./selected.ts";

/** No unitwatch answers at an address: something else, or nothing. */
export class NoAnswer extends StatusError {}

/** Part of the state. */
export interface Question {
  readonly container?: string;
  readonly units?: readonly string[] | undefined;
  readonly attention?: boolean;
}

const MAX_BYTES = 256 * 2 ** 20;

/**
 * Gets the state from a running unitwatch.
 *
 * @throws NoAnswer if none answers there
 */
export async function askUnitwatch(
  url: URL,
  question: Question,
  signal: AbortSignal,
): Promise<StatusReport> {
  const { where, request, headers } = requestOf(url, question);
  const failed = (why: string): NoAnswer =>
    new NoAnswer(`no unitwatch answers at ${where}: ${why}`);
  let text: string;
  try {
    const response = await fetch(request, { headers, signal, redirect: "error" });
    if (response.status !== 200) throw failed(`HTTP status ${response.status}`);
    text = await bodyOf(response);
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    throw failed(signal.aborted ? "it takes too long" : reasonOf(error));
  }
  const report = parseJsonObject(text);
  if (report === undefined || !Array.isArray(report["containers"])) {
    throw failed("the answer is no state of unitwatch");
  }
  return report as unknown as StatusReport;
}

function requestOf(url: URL, { container, units, attention }: Question) {
  const request = new URL(url);
  const { username, password } = url;
  request.username = "";
  request.password = "";
  const where = request.href;
  request.pathname = `${request.pathname.replace(/\/$/, "")}${ROUTES.state}`;
  if (container !== undefined) request.searchParams.append("container", container);
  for (const unit of units ?? []) request.searchParams.append("unit", unit);
  if (attention === true) request.searchParams.append("attention", "1");
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers: Record<string, string> =
    username === "" ? {} : { authorization: `Basic ${Buffer.from(user).toString("base64")}` };
  return { where, request, headers };
}

async function bodyOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    const part = chunk as Uint8Array;
    bytes += part.length;
    if (bytes > MAX_BYTES) throw new Error("the answer is too large");
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Returns the innermost cause: fetch wraps what the connection reports. */
function reasonOf(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < 5 && Error.isError(at) && at.cause !== undefined; depth += 1) {
    at = at.cause;
  }
  if (!Error.isError(at)) return String(at);
  const { code } = at as NodeJS.ErrnoException;
  return at.message === "" ? (code ?? "unknown") : at.message;
}
