import { join } from "node:path";
import type { WatchConfig } from "./config.ts";
import type { FLAGS } from "./flags.ts";
import type { Environment, Settings } from "./flag/settings.ts";
import { ConfigError } from "./flag/value-error.ts";

/** The flags that say what is watched, and how: every part of the program that watches has them. */
export const WATCH_FLAGS = [
  "dockerHost",
  "dockerRuntime",
  "dockerCommand",
  "watchFilters",
  "watchCluster",
  "nodeNamePrefix",
  "systemdTransport",
  "unitInclude",
  "unitExclude",
  "logLevel",
  "logFormat",
] as const satisfies readonly (keyof typeof FLAGS)[];

type WatchSettings = Pick<Settings<typeof FLAGS>, (typeof WATCH_FLAGS)[number]>;

/** @throws ConfigError where settings don't go together */
export function watchConfig(settings: WatchSettings, env: Environment): WatchConfig {
  const { watchFilters, watchCluster, dockerHost } = settings;
  if (settings.dockerRuntime === "engine" && dockerHost?.startsWith("ssh:") === true) {
    throw new ConfigError(
      "--docker.runtime=engine: expected --docker.host to be unix:// or tcp://, ssh:// takes cli",
    );
  }
  return {
    docker: {
      host: dockerHost,
      runtime: settings.dockerRuntime,
      tlsPath: dockerTlsPath(env),
      context: env["DOCKER_CONTEXT"] === "" ? undefined : env["DOCKER_CONTEXT"],
      command: settings.dockerCommand,
    },
    watch: {
      filters:
        watchCluster === undefined
          ? watchFilters
          : [...watchFilters, `label=sind.cluster=${watchCluster}`],
    },
    node: { namePrefix: settings.nodeNamePrefix },
    systemd: {
      transport: settings.systemdTransport,
      unitInclude: settings.unitInclude,
      unitExclude: settings.unitExclude,
    },
    log: { level: settings.logLevel, format: settings.logFormat },
  };
}

/** As the docker command takes them: any value of DOCKER_TLS_VERIFY but none at all turns TLS on. */
function dockerTlsPath(env: Environment): string | undefined {
  if ((env["DOCKER_TLS_VERIFY"] ?? "") === "") return undefined;
  const path = env["DOCKER_CERT_PATH"] ?? "";
  return path === "" ? join(env["HOME"] ?? "/root", ".docker") : path;
}
