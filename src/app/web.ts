import { WebConfigError } from "../http/web-config/web-config.ts";
import type { WebSettings } from "../http/web-config/web-settings.ts";
import type { AppContext } from "./context.ts";

/**
 * Reads the file of TLS, users and headers; undefined where there is none.
 *
 * @throws WebConfigError
 */
export async function openWebSettings({
  config,
  clock,
  log,
}: Pick<AppContext, "config" | "clock" | "log">): Promise<WebSettings | undefined> {
  const path = config.web.configFile;
  if (path === undefined) return undefined;
  const { WebSettings } = await import("../http/web-config/web-settings.ts");
  return WebSettings.open(path, { clock, log });
}

/** The line about a web configuration that can't be used; undefined for any other error. */
export function webConfigProblem(error: unknown): string | undefined {
  return error instanceof WebConfigError ? `--web.config.file: ${error.message}` : undefined;
}
