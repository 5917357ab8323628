import { hostname } from "node:os";
import { BUILD_INFO } from "../config/build-info.ts";
import { instanceId } from "../storage/instance-id.ts";
import type { AppContext } from "./context.ts";

/**
 * Who sends, for every signal alike. Attributes that the configuration gives win over what is found
 * out here, but for those that say which SDK made the requests.
 *
 * @param folder where the instance's id is kept; undefined: nowhere
 */
export async function resourceOf(
  context: AppContext,
  folder: string | undefined,
): Promise<Readonly<Record<string, string>>> {
  const { config, log } = context;
  const { docker, otlp, watch } = config;
  const { defaultResource } = await import("@opentelemetry/resources");
  const sdk = Object.entries(defaultResource().attributes).filter(([name]) =>
    name.startsWith("telemetry.sdk."),
  );
  const host = hostname();
  const traits = [host, docker.host ?? "", docker.context ?? "", ...watch.filters];
  const found = {
    "service.version": BUILD_INFO.version,
    "service.instance.id": await instanceId({ path: folder, traits, log }),
    "host.name": host,
  };
  const given = otlp.resourceAttributes.filter(([name, value]) => name !== "" && value !== "");
  return {
    ...found,
    ...Object.fromEntries(given),
    "service.name": otlp.serviceName,
    ...Object.fromEntries(sdk.map(([name, value]) => [name, String(value)])),
  };
}
