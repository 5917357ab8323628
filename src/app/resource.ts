import { hostname } from "node:os";
import { defaultResource } from "@opentelemetry/resources";
import { BUILD_INFO } from "../config/build-info.ts";
import { instanceId } from "../storage/instance-id.ts";
import type { Config } from "../config/config.ts";
import type { Logger } from "../domain/log.ts";

export interface ResourceOptions {
  readonly config: Pick<Config, "docker" | "otlp" | "watch">;
  /** Folder that keeps the instance's id; undefined: the id is derived. */
  readonly folder: string | undefined;
  readonly log: Logger;
  /** Returns the host's name as far as it is known by now. */
  readonly hostName: () => string;
}

export type Resource = Readonly<Record<string, string>>;

/**
 * Returns a function with the OTLP resource, the same for every signal; another object when the host's
 * name has changed. Configured attributes win over detected ones, except those of the SDK.
 */
export async function resourceOf(options: ResourceOptions): Promise<() => Resource> {
  const { config, folder, log, hostName } = options;
  const { docker, otlp, watch } = config;
  const sdk = Object.entries(defaultResource().attributes).filter(([name]) =>
    name.startsWith("telemetry.sdk."),
  );
  const traits = [hostname(), docker.host ?? "", docker.context ?? "", ...watch.filters];
  const detected = {
    "service.version": BUILD_INFO.version,
    "service.instance.id": await instanceId({ path: folder, traits, log }),
  };
  const configured = otlp.resourceAttributes.filter(([name, value]) => name !== "" && value !== "");
  const make = (host: string): Resource => ({
    ...detected,
    "host.name": host,
    ...Object.fromEntries(configured),
    "service.name": otlp.serviceName,
    ...Object.fromEntries(sdk.map(([name, value]) => [name, String(value)])),
  });
  let host = hostName();
  let resource = make(host);
  return () => {
    if (host !== hostName()) {
      host = hostName();
      resource = make(host);
    }
    return resource;
  };
}
