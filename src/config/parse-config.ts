import { join } from "node:path";
import { BUILD_INFO } from "./build-info.ts";
import type { Config, WatchConfig } from "./config.ts";
import { busPath } from "./flag/addresses.ts";
import { readArguments } from "./flag/arguments.ts";
import { variableName } from "./flag/flag.ts";
import { readSettings } from "./flag/settings.ts";
import type { Environment, Settings } from "./flag/settings.ts";
import { ConfigError, parseSetting } from "./flag/value-error.ts";
import { FLAGS, SWITCHES } from "./flags.ts";
import { helpText, versionText } from "./help.ts";
import { readOtlp } from "./otlp.ts";
import { readServiceManager } from "./service-manager.ts";

/** Parsed command line of the sidecar: run, check the configuration and its files, or print and exit. */
export type ParsedConfig =
  | { readonly kind: "run" | "check"; readonly config: Config }
  | {
      readonly kind: "exit";
      readonly code: 0 | 2;
      /** Whole lines. */
      readonly stdout?: string;
      /** One line that names the invalid setting and what was expected. */
      readonly stderr?: string;
    };

/** Address of the system bus for every client of D-Bus: sd_bus_default_system(3). */
const BUS_VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS";

const OLDER_RUNTIME = "docker.runtime";

const MAIN = { flags: Object.values(FLAGS), switches: SWITCHES, help: "--help" };

/** Reads arguments (those after the script) and environment into a {@link Config}. */
export function parseConfig(argv: readonly string[], env: Environment): ParsedConfig {
  try {
    const { values, switches } = readArguments(argv, MAIN);
    if (switches.has("help")) return { kind: "exit", code: 0, stdout: helpText() };
    if (switches.has("version")) {
      return { kind: "exit", code: 0, stdout: versionText(BUILD_INFO) };
    }
    const config = readConfig(values, env);
    return { kind: switches.has("check-config") ? "check" : "run", config };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { kind: "exit", code: 2, stderr: `unitwatch: error: ${error.message}\n` };
  }
}

function readConfig(values: ReadonlyMap<string, readonly string[]>, env: Environment): Config {
  const settings = readSettings(FLAGS, values, runtimeVariables(values, env));
  return deepFrozen<Config>({
    ...watchConfig(settings, env),
    journal: {
      records: settings.journalRecords,
      lines: settings.journalLines,
      redact: settings.journalRedact,
    },
    containers: { stats: settings.containerStats === "on" },
    web: {
      listenAddresses: settings.listenAddresses,
      telemetryPath: settings.telemetryPath,
      configFile: settings.webConfigFile,
    },
    metrics: {
      seriesLimit: settings.seriesLimit,
      collect: settings.collect,
      retentionMs: settings.retentionMs,
    },
    otlp: readOtlp(env, {
      logs: settings.otlpLogs,
      metrics: settings.otlpMetrics,
      intervalMs: settings.otlpInterval,
    }),
    storage: { path: settings.storagePath, queueBytes: settings.queueBytes },
    logChanges: settings.logChanges,
    serviceManager: readServiceManager(env),
  });
}

/** Settings from which a {@link WatchConfig} is made. */
type WatchSettings = Pick<
  Settings<typeof FLAGS>,
  | "runtime"
  | "dockerHost"
  | "dockerRuntime"
  | "dockerCommand"
  | "watchFilters"
  | "watchCluster"
  | "nodeNamePrefix"
  | "systemdTransport"
  | "systemdHost"
  | "systemdUsers"
  | "unitInclude"
  | "unitExclude"
  | "journalRedact"
  | "logLevel"
  | "logFormat"
>;

/** Returns the variables without those that a flag overrides under the other of its two names. */
export function runtimeVariables(
  values: ReadonlyMap<string, readonly string[]>,
  env: Environment,
): Environment {
  const older = variableName(OLDER_RUNTIME);
  const newer = variableName(FLAGS.runtime.name);
  const hidden = values.has(OLDER_RUNTIME) ? newer : values.has(FLAGS.runtime.name) ? older : "";
  return hidden === "" ? env : { ...env, [hidden]: undefined };
}

/** @throws ConfigError if two settings contradict each other */
export function watchConfig(settings: WatchSettings, env: Environment): WatchConfig {
  const { watchFilters, watchCluster, dockerHost } = settings;
  const { runtime, flag } = runtimeOf(settings);
  const given = flag ?? OLDER_RUNTIME;
  if (runtime === "engine" && dockerHost?.startsWith("ssh:") === true) {
    throw new ConfigError(
      `--${given}=engine: expected a --docker.host with unix:// or tcp://, ssh:// requires --${given}=cli`,
    );
  }
  if (runtime === "proc") checkProc(settings);
  const { systemdTransport: transport } = settings;
  const hasUsers = settings.systemdUsers === "on";
  const isUserless = transport === "off" || transport === "busctl";
  if (hasUsers && isUserless && settings.systemdHost === "off") {
    throw new ConfigError(
      `--systemd.users=on: expected --systemd.transport=auto, socket or dbus with it, or --systemd.host=on, not --systemd.transport=${transport} alone`,
    );
  }
  return {
    docker: {
      host: dockerHost,
      runtime,
      flag,
      tlsPath: dockerTlsPath(env),
      context: env["DOCKER_CONTEXT"] === "" ? undefined : env["DOCKER_CONTEXT"],
      command: settings.dockerCommand,
      searchPath: env["PATH"],
    },
    watch: {
      filters:
        watchCluster === undefined
          ? watchFilters
          : [...watchFilters, `label=sind.cluster=${watchCluster}`],
    },
    node: { namePrefix: settings.nodeNamePrefix },
    systemd: {
      transport,
      ...hostConfig(settings.systemdHost === "on", env),
      users: hasUsers,
      unitInclude: settings.unitInclude,
      unitExclude: settings.unitExclude,
    },
    journal: { redact: settings.journalRedact },
    log: { level: settings.logLevel, format: settings.logFormat },
  };
}

/**
 * Returns the runtime, and the flag that names it.
 *
 * @throws ConfigError if both names of the flag are given, with different values
 */
function runtimeOf({ runtime, dockerRuntime }: WatchSettings): {
  readonly runtime: WatchConfig["docker"]["runtime"];
  readonly flag: string | undefined;
} {
  if (runtime === undefined) return { runtime: dockerRuntime ?? "auto", flag: undefined };
  if (dockerRuntime !== undefined && dockerRuntime !== runtime) {
    throw new ConfigError(
      `--${OLDER_RUNTIME}=${dockerRuntime}: expected ${runtime} as of --runtime, whose older name it is`,
    );
  }
  return { runtime, flag: "runtime" };
}

/** @throws ConfigError for settings that need a command in a container */
function checkProc({ systemdTransport }: WatchSettings): void {
  if (systemdTransport !== "dbus" && systemdTransport !== "busctl") return;
  throw new ConfigError(
    `--systemd.transport=${systemdTransport}: expected auto, socket or off with --runtime=proc, which runs no command in containers`,
  );
}

/** @throws ConfigError if the variable of the bus can't be used */
export function hostConfig(
  host: boolean,
  env: Environment,
): Pick<WatchConfig["systemd"], "host" | "hostBus"> {
  const address = env[BUS_VARIABLE] ?? "";
  const hostBus = host && address !== "" ? parseSetting(BUS_VARIABLE, address, busPath) : undefined;
  return { host, hostBus };
}

/** Follows the docker command: any DOCKER_TLS_VERIFY that is not empty turns TLS on. */
function dockerTlsPath(env: Environment): string | undefined {
  if ((env["DOCKER_TLS_VERIFY"] ?? "") === "") return undefined;
  const path = env["DOCKER_CERT_PATH"] ?? "";
  return path === "" ? join(env["HOME"] ?? "/root", ".docker") : path;
}

/** Freezes `value` and all objects in it, and returns it. */
export function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFrozen(member);
  }
  return value;
}
