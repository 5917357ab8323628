import { printable } from "../platform/data/quoted.ts";
import { errorText } from "../platform/log/log-line.ts";
import { openRuntime } from "../engine/open-runtime.ts";
import type { AppContext } from "./context.ts";

/**
 * Why what variables name can't be used: certificates of the engine and of OTLP. One line; undefined
 * where all can. Connects to nothing.
 */
export async function namedProblem({
  config,
  clock,
}: Pick<AppContext, "config" | "clock">): Promise<string | undefined> {
  const { docker, otlp, watch } = config;
  try {
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
