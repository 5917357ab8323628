import { readArguments } from "./flag/arguments.ts";
import { BUILD_INFO } from "./build-info.ts";
import type { Config } from "./config.ts";
import { deepFrozen } from "./deep-frozen.ts";
import { FLAGS, SWITCHES } from "./flags.ts";
import { helpText, versionText } from "./help.ts";
import { readOtlp } from "./otlp.ts";
import { readServiceManager } from "./service-manager.ts";
import { readSettings } from "./flag/settings.ts";
import type { Environment } from "./flag/settings.ts";
import { ConfigError } from "./flag/value-error.ts";
import { watchConfig } from "./watch-config.ts";

/** What the command line asks for: to run, to look at the files too, or to print something and exit. */
export type ParsedConfig =
  | { readonly kind: "run" | "check"; readonly config: Config }
  | {
      readonly kind: "exit";
      readonly code: 0 | 2;
      /** Whole lines. */
      readonly stdout?: string;
      /** One line that names the setting at fault and what was expected of it. */
      readonly stderr?: string;
    };

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
  const settings = readSettings(FLAGS, values, env);
  return deepFrozen<Config>({
    ...watchConfig(settings, env),
    web: {
      listenAddresses: settings.listenAddresses,
      telemetryPath: settings.telemetryPath,
      configFile: settings.webConfigFile,
    },
    metrics: { seriesLimit: settings.seriesLimit, retentionMs: settings.retentionMs },
    otlp: readOtlp(env, {
      logs: settings.otlpLogs,
      metrics: settings.otlpMetrics,
      intervalMs: settings.otlpInterval,
    }),
    storage: { path: settings.storagePath, queueBytes: settings.queueBytes },
    serviceManager: readServiceManager(env),
  });
}
