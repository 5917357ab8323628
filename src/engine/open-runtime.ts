import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../domain/clock.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { DockerCli } from "./cli/docker-cli.ts";
import { ProcRuntime } from "./proc/proc-runtime.ts";
import { EngineApi } from "./api/engine-api.ts";
import type { TlsMaterial } from "../platform/data/tls-material.ts";
import type { EngineAddress } from "./api/engine-http.ts";

export interface RuntimeChoice {
  readonly runtime: "auto" | "engine" | "cli" | "proc";
  /** Flag that names the runtime, without the dashes. Default: its older name. */
  readonly flag?: string | undefined;
  readonly command: string;
  /** Folders where the command is searched for, as in PATH. Default: none. */
  readonly searchPath?: string | undefined;
  readonly host: string | undefined;
  readonly context: string | undefined;
  /** Folder of ca.pem, cert.pem and key.pem; undefined: no TLS. */
  readonly tlsPath: string | undefined;
  readonly filters: readonly string[];
  readonly clock: Clock;
}

const DEFAULT_COMMAND = "docker";
const DEFAULT_SOCKET = "/var/run/docker.sock";
/** Conventional ports of dockerd. */
const PORTS = { plain: 2375, tls: 2376 };

/**
 * Opens the way to the engine. `auto` uses the API if its address is known, and the command if only
 * the command can connect: over ssh, by a context, to podman. If this host has neither the default socket
 * nor the default command, it uses proc, which needs root. Connects to nothing yet.
 *
 * @throws if the API is configured without an address, or a certificate is unreadable
 */
export async function openRuntime(choice: RuntimeChoice): Promise<ContainerRuntime> {
  const { runtime, command, host, filters, clock } = choice;
  if (runtime === "proc") return new ProcRuntime();
  const address = runtime === "cli" ? undefined : await engineAddress(choice);
  if (address !== undefined) return new EngineApi({ address, filters, clock });
  if (runtime === "engine") {
    throw new Error(
      `--${choice.flag ?? "docker.runtime"}=engine: expected --docker.host to be unix:// or tcp://, or ${DEFAULT_SOCKET} to exist`,
    );
  }
  if (runtime === "auto" && hasNoEngine(choice)) {
    return new ProcRuntime(`no ${DEFAULT_SOCKET}, no command ${command}`);
  }
  // execa costs as much memory as all the rest: it is loaded only when used.
  const { execaExecutor } = await import("../platform/process/execa-executor.ts");
  return new DockerCli(execaExecutor(), { command, host, filters });
}

/** True if nothing is configured, and this is the host, as root, without the default command. */
function hasNoEngine({ command, host, context, searchPath = "" }: RuntimeChoice): boolean {
  if (command !== DEFAULT_COMMAND || host !== undefined || context !== undefined) return false;
  const folders = searchPath.split(":");
  if (folders.some((folder) => folder !== "" && existsSync(join(folder, command)))) return false;
  return process.platform === "linux" && process.getuid?.() === 0;
}

async function engineAddress(choice: RuntimeChoice): Promise<EngineAddress | undefined> {
  const { runtime, command, host, context, tlsPath } = choice;
  const isAuto = runtime === "auto";
  // Another command, such as podman or a wrapper, is configured to be used.
  if (isAuto && command !== DEFAULT_COMMAND) return undefined;
  if (host === undefined) {
    const otherContext = context !== undefined && context !== "default";
    if (isAuto && (otherContext || !existsSync(DEFAULT_SOCKET))) return undefined;
    return { socketPath: DEFAULT_SOCKET };
  }
  const url = new URL(host);
  if (url.protocol === "unix:") return { socketPath: decodeURIComponent(url.pathname) };
  if (url.protocol !== "tcp:") return undefined;
  const tls = tlsPath === undefined ? undefined : await readTls(tlsPath);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (tls === undefined ? PORTS.plain : PORTS.tls) : Number(url.port),
    tls,
  };
}

async function readTls(folder: string): Promise<TlsMaterial> {
  // It is loaded only when used.
  const { readTlsMaterial } = await import("../platform/data/read-tls.ts");
  const inFolder = (name: string): string => join(folder, name);
  try {
    return await readTlsMaterial({
      caFile: inFolder("ca.pem"),
      certFile: inFolder("cert.pem"),
      keyFile: inFolder("key.pem"),
    });
  } catch (cause) {
    throw new Error("DOCKER_CERT_PATH", { cause });
  }
}
