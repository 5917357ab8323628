import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../domain/clock.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { DockerCli } from "./cli/docker-cli.ts";
import { EngineApi } from "./api/engine-api.ts";
import type { TlsMaterial } from "../platform/data/tls-material.ts";
import type { EngineAddress } from "./api/engine-http.ts";

export interface RuntimeChoice {
  readonly runtime: "auto" | "engine" | "cli";
  readonly command: string;
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
 * the command can connect: over ssh, by a context, to podman. Connects to nothing yet.
 *
 * @throws if the API is configured without an address, or a certificate is unreadable
 */
export async function openRuntime(choice: RuntimeChoice): Promise<ContainerRuntime> {
  const { runtime, command, host, filters, clock } = choice;
  const address = runtime === "cli" ? undefined : await engineAddress(choice);
  if (address !== undefined) return new EngineApi({ address, filters, clock });
  if (runtime === "engine") {
    throw new Error(
      `--docker.runtime=engine: expected --docker.host to be unix:// or tcp://, or ${DEFAULT_SOCKET} to exist`,
    );
  }
  // execa costs as much memory as all the rest: it is loaded only when used.
  const { execaExecutor } = await import("../platform/process/execa-executor.ts");
  return new DockerCli(execaExecutor(), { command, host, filters });
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
