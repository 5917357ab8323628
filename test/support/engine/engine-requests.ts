/**
 * Requests to the engine's API for what tests do most: a docker command takes 20 ms of CPU more. An own
 * client, so that unitwatch isn't tested by itself.
 */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { eventually } from "../eventually.ts";
import { slowMs } from "../slowness.ts";
import type { DockerOptions, DockerResult, Engine } from "./docker.ts";

/** Returns true if the engine has a socket and Docker's API, as it is used here. */
export function takesRequests({ host, isPodman }: Pick<Engine, "host" | "isPodman">): boolean {
  return host.startsWith("unix://") && !isPodman;
}

/** Returns the JSON of a path such as `/containers/ID/json`. @throws with the engine's message */
export async function engineJson(engine: Pick<Engine, "host">, path: string): Promise<unknown> {
  return JSON.parse(await engineText(engine, path)) as unknown;
}

/** Returns the body of a path, which can have frames. @throws with the engine's message */
export async function engineText(engine: Pick<Engine, "host">, path: string): Promise<string> {
  const answer = await answerOf(requestTo(engine, "GET", path, limitOf({})));
  if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status}: ${answer.text}`);
  return answer.text;
}

export interface ApiExec extends DockerOptions {
  readonly container: string;
  readonly args: readonly string[];
  /** Default: the image's user. */
  readonly user?: string;
}

/** Runs a command in a container, as `docker exec` does. @throws when aborted or at the time limit */
export async function execByApi(
  engine: Pick<Engine, "host">,
  { container, args, user, input, ...limits }: ApiExec,
): Promise<DockerResult> {
  const signal = limitOf(limits);
  const create = requestTo(engine, "POST", `/containers/${container}/exec`, signal);
  const created = await answerOf(create, {
    AttachStdin: input !== undefined,
    AttachStdout: true,
    AttachStderr: true,
    Cmd: args,
    ...(user !== undefined && { User: user }),
  });
  if (created.status !== 201) return refused(created);
  const { Id: id } = JSON.parse(created.text) as { readonly Id: string };

  const start = requestTo(engine, "POST", `/exec/${id}/start`, signal, {
    Connection: "Upgrade",
    Upgrade: "tcp",
  });
  const settled = Promise.race([once(start, "upgrade"), once(start, "response")]);
  start.end(JSON.stringify({ Detach: false, Tty: false }));
  const [response, stream, head] = (await settled) as [IncomingMessage, Duplex?, Buffer?];
  if (stream === undefined) {
    return refused({ status: response.statusCode ?? 0, text: await textOf(response) });
  }
  signal.addEventListener("abort", () => stream.destroy(signal.reason as Error), { once: true });
  if (head !== undefined && head.length > 0) stream.unshift(head);
  if (input !== undefined) stream.end(input);
  const { stdout, stderr } = outputOf(await bytesOf(stream));
  stream.destroy();

  // Its output can end just before it does.
  const { ExitCode: exitCode } = await eventually(
    async () => {
      const state = (await engineJson(engine, `/exec/${id}/json`)) as ExecState;
      return state.Running ? false : state;
    },
    { everyMs: 5 },
  );
  return { exitCode, stdout, stderr };
}

interface ExecState {
  readonly Running: boolean;
  readonly ExitCode: number;
}

interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

function limitOf({ signal, timeoutMs = 60_000 }: DockerOptions): AbortSignal {
  const limit = AbortSignal.timeout(slowMs(timeoutMs));
  return signal === undefined ? limit : AbortSignal.any([limit, signal]);
}

function requestTo(
  { host }: Pick<Engine, "host">,
  method: string,
  path: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): ClientRequest {
  const socketPath = new URL(host).pathname;
  const json = { "Content-Type": "application/json", ...headers };
  return request({ socketPath, method, path, headers: json, signal, agent: false });
}

async function answerOf(sent: ClientRequest, body?: object): Promise<ApiAnswer> {
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, text: await textOf(response) };
}

/** Returns what the docker command makes of an error. */
function refused({ text }: ApiAnswer): DockerResult {
  const { message } = JSON.parse(text) as { readonly message: string };
  return { exitCode: 1, stdout: "", stderr: `Error response from daemon: ${message}` };
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  return (await bytesOf(stream)).toString();
}

/** Separates the frames: a byte for the stream, three of zero, four for the length, the bytes. */
function outputOf(bytes: Buffer): Pick<DockerResult, "stderr" | "stdout"> {
  const parts: Record<"stderr" | "stdout", Buffer[]> = { stdout: [], stderr: [] };
  for (let at = 0; at + 8 <= bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    parts[bytes[at] === 2 ? "stderr" : "stdout"].push(bytes.subarray(at + 8, end));
    at = end;
  }
  const text = (name: "stderr" | "stdout"): string =>
    Buffer.concat(parts[name]).toString().replace(/\n$/, "");
  return { stdout: text("stdout"), stderr: text("stderr") };
}
