import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import { WebConfigError } from "../http/web-config/web-config.ts";
import type { WebSettings } from "../http/web-config/web-settings.ts";
import { printable } from "../platform/data/escape.ts";
import { errorText } from "../platform/log/log-line.ts";

interface FileOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Reads the file of TLS, users and headers; returns undefined if none is configured.
 *
 * @throws WebConfigError
 */
export async function openWebSettings(options: FileOptions): Promise<WebSettings | undefined> {
  const { config, clock, log } = options;
  const path = config.web.configFile;
  if (path === undefined) return undefined;
  const { WebSettings } = await import("../http/web-config/web-settings.ts");
  return WebSettings.open(path, { clock, log });
}

/** Returns the error line for an invalid web configuration; undefined for any other error. */
export function webConfigProblem(error: unknown): string | undefined {
  return error instanceof WebConfigError ? `--web.config.file: ${error.message}` : undefined;
}

/**
 * Loads the certificates of the engine and of OTLP that variables name. Returns one error line, or
 * undefined if all are valid. Connects to nothing.
 */
export async function certificateProblem({
  config,
  clock,
}: Pick<FileOptions, "config" | "clock">): Promise<string | undefined> {
  const { docker, otlp, watch } = config;
  try {
    const { openRuntime } = await import("../engine/open-runtime.ts");
    await openRuntime({ ...docker, filters: watch.filters, clock });
    const { openSender } = await import("../otlp/transport/open-sender.ts");
    for (const signal of ["logs", "metrics"] as const) {
      const endpoint = otlp[signal];
      if (endpoint === undefined) continue;
      await using _sender = await openSender(endpoint, signal);
    }
    return undefined;
  } catch (error) {
    return printable(errorText(error));
  }
}
