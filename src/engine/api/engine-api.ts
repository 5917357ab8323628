import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import { isContainerId } from "../../domain/container-name.ts";
import type { Process, ProcessExit } from "../../domain/process.ts";
import type {
  CommandOutput,
  ContainerRuntime,
  EngineName,
  EngineVersions,
  InspectAnswer,
  InspectOptions,
  InteractiveProcess,
  RuntimeExecOptions,
  RuntimeRunOptions,
} from "../../domain/runtime.ts";
import { objectOf } from "../../platform/data/json.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";
import { untilAborted } from "../../platform/time/until-aborted.ts";
import { collectOutput } from "../../platform/process/collect-output.ts";
import { hostNameIn } from "../format/engine-info.ts";
import { execCommand, execIds } from "../format/exec-inspect.ts";
import { eventFilters, filtersOf, unixSeconds } from "../format/event-query.ts";
import { CGROUP_COLUMNS, cgroupsOf } from "../format/top.ts";
import { engineOf, urlOf } from "./engine-about.ts";
import type { EngineAddress, EngineLimits, EngineRequest } from "./engine-http.ts";
import { EngineError, EngineHttp } from "./engine-http.ts";
import { inspectEach } from "./engine-inspect.ts";
import { lateStream, pingWhileOpen } from "./event-stream.ts";
import { hijackedProcess } from "./hijacked-process.ts";

export interface EngineApiOptions {
  readonly address: EngineAddress;
  /** Engine filters such as `label=a=b`, sent with events and listings. */
  readonly filters: readonly string[];
  readonly clock: Clock;
  readonly limits?: EngineLimits;
}

const MAX_LISTING_BYTES = 64 * 1024 * 1024;
const MAX_INSPECT_BYTES = 4 * 1024 * 1024;
const OLDEST_VERSION = 40;
const NEWEST_VERSION = 52;
/** The one that most engines take: Docker 25 and newer. */
const COMMON_VERSION = 44;
const MAX_EXECS_AT_ONCE = 4;

/**
 * The engine by its HTTP API, without child processes: one connection for events, one for each exec,
 * and a few shared ones for requests. https://docs.docker.com/reference/api/engine/
 *
 * The folder imports domain, format and platform. Always holds: every answer has a bound in bytes
 * and in time, and an abort of the caller's signal ends the request.
 */
export class EngineApi implements ContainerRuntime {
  readonly kind = "engine";
  #engine: EngineName = "docker";
  #isCertain = false;
  #versions: EngineVersions | undefined;
  readonly #http: EngineHttp;
  #statsHttp: EngineHttp | undefined;
  readonly #options: EngineApiOptions;
  #prefix: Promise<string> | undefined;

  constructor(options: EngineApiOptions) {
    this.#options = options;
    this.#http = new EngineHttp(options.address, options.limits);
  }

  get engine(): EngineName {
    return this.#engine;
  }

  get where(): string {
    return urlOf(this.#options.address);
  }

  get versions(): EngineVersions | undefined {
    return this.#versions;
  }

  close(): void {
    this.#http.close();
    this.#statsHttp?.close();
  }

  async hostName(): Promise<string | undefined> {
    const { signal } = new AbortController();
    const path = `${await this.#version(signal)}/info`;
    return hostNameIn(await this.#http.json({ path, signal }, MAX_INSPECT_BYTES));
  }

  async events(options: {
    readonly sinceNs: bigint;
    readonly untilNs?: bigint;
    readonly actions: readonly string[];
    readonly signal: AbortSignal;
  }): Promise<Process> {
    const { sinceNs, untilNs, actions, signal } = options;
    const filters = filtersOf([
      "type=container",
      ...actions.map((action) => `event=${action}`),
      ...eventFilters(this.#options.filters),
    ]);
    // Another engine, or a newer one, may answer now: the version is negotiated again.
    if (untilNs === undefined) this.#prefix = undefined;
    const version = await this.#version(signal);
    const isPodman = this.#engine === "podman";
    const query = new URLSearchParams({
      since: unixSeconds(sinceNs),
      ...(untilNs === undefined ? {} : eventsUntil(untilNs, isPodman)),
      filters,
    });
    const end = new AbortController();
    const opening = this.#http.open({
      path: `${version}/events?${query.toString()}`,
      signal: AbortSignal.any([signal, end.signal]),
      endless: isPodman ? "all" : "body",
    });
    // podman sends its headers with the first event.
    const stream = isPodman ? lateStream(opening) : await opening;
    const heartbeat = pingWhileOpen(stream, {
      clock: this.#options.clock,
      ping: async (limit) => {
        const answer = await this.#http.open({ path: "/_ping", signal: limit });
        answer.resume();
      },
    });
    const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>();
    stream.once("close", () => {
      heartbeat[Symbol.dispose]();
      end.abort();
      resolve({ exitCode: undefined, signal: undefined, stderr: "" });
    });
    stream.on("error", () => {});
    return { stdout: stream, kill: () => stream.destroy(), exited };
  }

  async list(signal: AbortSignal): Promise<readonly string[]> {
    const containers = await this.summaries(signal);
    return containers
      .map((container: unknown) => (container as { Id?: unknown } | null)?.Id)
      .filter(isContainerId);
  }

  async summaries(signal: AbortSignal): Promise<readonly unknown[]> {
    const query = new URLSearchParams({
      all: "true",
      filters: filtersOf(this.#options.filters),
    });
    const path = `${await this.#version(signal)}/containers/json?${query.toString()}`;
    const containers = await this.#http.json({ path, signal }, MAX_LISTING_BYTES);
    if (!Array.isArray(containers)) throw new Error("the engine's listing is not an array");
    return containers as readonly unknown[];
  }

  async inspect(ids: readonly string[], options: InspectOptions): Promise<InspectAnswer> {
    const version = await this.#version(options.signal);
    const { signal, limitMs } = options;
    const request = (id: string): Promise<unknown> => {
      const path = `${version}/containers/${encodeURIComponent(id)}/json`;
      return this.#http.json({ path, signal, limitMs }, MAX_INSPECT_BYTES);
    };
    return inspectEach(ids, { request, signal });
  }

  async exec(
    container: string,
    command: readonly string[],
    options: RuntimeExecOptions,
  ): Promise<InteractiveProcess> {
    return this.#exec(container, command, { ...options, stdin: true });
  }

  async run(
    container: string,
    command: readonly string[],
    options: RuntimeRunOptions,
  ): Promise<CommandOutput> {
    const process = await this.#exec(container, command, { ...options, stdin: false });
    return collectOutput(process, options);
  }

  async execs(
    container: string,
    signal: AbortSignal,
  ): Promise<readonly (readonly string[] | undefined)[]> {
    const version = await this.#version(signal);
    const get = (path: string): Promise<unknown> =>
      this.#http.json({ path: `${version}${path}`, signal }, MAX_INSPECT_BYTES);
    const inspected = await get(`/containers/${encodeURIComponent(container)}/json`);
    const ids = execIds(objectOf(inspected)["ExecIDs"]);
    const commands: (readonly string[])[] = [];
    await someAtOnce(ids, MAX_EXECS_AT_ONCE, async (id) => {
      try {
        commands.push(execCommand(await get(`/exec/${encodeURIComponent(id)}/json`)));
      } catch (error) {
        // It has ended meanwhile.
        if (!(error instanceof EngineError) || error.status !== 404) throw error;
      }
    });
    return commands;
  }

  async cgroups(container: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const version = await this.#version(signal);
    // podman runs ps in the container.
    if (!this.#isCertain || this.#engine === "podman") return undefined;
    const query = new URLSearchParams({ ps_args: CGROUP_COLUMNS });
    const path = `${version}/containers/${encodeURIComponent(container)}/top?${query.toString()}`;
    return cgroupsOf(await this.#http.json({ path, signal }, MAX_INSPECT_BYTES));
  }

  async stats(container: string, signal: AbortSignal): Promise<unknown> {
    const version = await this.#version(signal);
    const path = `${version}/containers/${encodeURIComponent(container)}/stats?stream=false&one-shot=true`;
    // Containers that don't answer keep no connection from other requests.
    this.#statsHttp ??= new EngineHttp(this.#options.address, this.#options.limits);
    return this.#statsHttp.json({ path, signal }, MAX_INSPECT_BYTES);
  }

  async #exec(
    container: string,
    command: readonly string[],
    options: RuntimeExecOptions & { readonly stdin: boolean },
  ): Promise<InteractiveProcess> {
    const { user, stdin, signal } = options;
    const version = await this.#version(signal);
    const created = (await this.#http.json(
      {
        method: "POST",
        path: `${version}/containers/${encodeURIComponent(container)}/exec`,
        body: {
          AttachStdin: stdin,
          AttachStdout: true,
          AttachStderr: true,
          Cmd: command,
          Tty: false,
          ...(user === undefined ? {} : { User: user }),
        },
        signal,
      },
      MAX_INSPECT_BYTES,
    )) as { readonly Id?: unknown } | undefined;
    const id = created?.Id;
    if (typeof id !== "string") throw new Error("the engine returned no exec id");
    const connection = await this.#http.hijack({
      method: "POST",
      path: `${version}/exec/${id}/start`,
      body: { Detach: false, Tty: false },
      signal,
    });
    // After an abort the exit code isn't needed, and an engine that hangs would delay the end.
    const process = hijackedProcess(connection, () =>
      this.#exitCode({ path: `${version}/exec/${id}/json`, signal }),
    );
    if (signal.aborted) {
      process.kill();
      signal.throwIfAborted();
    }
    return process;
  }

  async #exitCode(request: EngineRequest): Promise<number | undefined> {
    const state = (await this.#http.json(request, MAX_INSPECT_BYTES)) as
      | { readonly ExitCode?: unknown }
      | undefined;
    return typeof state?.ExitCode === "number" ? state.ExitCode : undefined;
  }

  /** Returns the newest version that both sides support, as `/v1.41`; negotiated once per event stream. */
  async #version(signal: AbortSignal): Promise<string> {
    this.#prefix ??= this.#negotiate().catch((error: unknown) => {
      this.#prefix = undefined;
      throw error;
    });
    const prefix = await untilAborted(this.#prefix, signal);
    if (prefix === undefined) throw asError(signal.reason);
    return prefix;
  }

  async #negotiate(): Promise<string> {
    const response = await this.#http.open({ path: "/_ping" });
    response.resume();
    const { name, version, isCertain } = engineOf(response.headers);
    this.#engine = name;
    this.#isCertain = isCertain;
    const offered = /^1\.(\d{1,3})$/.exec(String(response.headers["api-version"] ?? ""))?.[1];
    const newest = offered === undefined ? await this.#withoutOffer() : Number(offered);
    const minor = Math.min(newest, NEWEST_VERSION);
    if (minor < OLDEST_VERSION) {
      throw new Error(`the engine's API 1.${minor} is older than 1.${OLDEST_VERSION}`);
    }
    this.#versions = { engine: version, api: `1.${minor}` };
    return `/v1.${minor}`;
  }

  /**
   * Returns the minor version to use with an engine that offers none: podman, or a proxy strips the
   * header. Docker 29.0 takes no older one than 1.44, and Docker 24 no newer one than 1.43.
   */
  async #withoutOffer(): Promise<number> {
    if (this.#engine === "podman") return OLDEST_VERSION;
    const path = `/v1.${COMMON_VERSION}/containers/json?limit=1`;
    try {
      await this.#http.json({ path }, MAX_LISTING_BYTES);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const isTooNew = error.status === 400 && /too new/.test(error.message);
      if (isTooNew) return newestIn(error.message) ?? OLDEST_VERSION;
    }
    return COMMON_VERSION;
  }
}

/** Reads `client version 1.44 is too new. Maximum supported API version is 1.41`. */
function newestIn(message: string): number | undefined {
  const [, minor] = /maximum supported API version is 1\.(\d{1,3})\b/i.exec(message) ?? [];
  return minor === undefined ? undefined : Number(minor);
}

/** podman sends no event if `until` is in the past; without a stream it sends all up to now. */
function eventsUntil(untilNs: bigint, isPodman: boolean): Record<string, string> {
  return isPodman ? { stream: "false" } : { until: unixSeconds(untilNs) };
}
