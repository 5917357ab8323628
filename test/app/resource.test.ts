import { expect, test } from "@jest/globals";
import { resourceOf } from "../../src/app/resource.ts";
import { BUILD_INFO } from "../../src/config/build-info.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { recordedLog } from "../support/recorded-log.ts";

async function resource(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<Readonly<Record<string, string>>> {
  const parsed = parseConfig(["--storage.path=", ...args], env);
  if (parsed.kind !== "run") throw new Error(`parsed as ${parsed.kind}`);
  const { log } = recordedLog();
  const { config } = parsed;
  return (await resourceOf({ config, folder: undefined, log, hostName: () => "lab-1" }))();
}

test("names the service, the host and the SDK", async () => {
  expect(await resource({})).toEqual({
    "service.name": "unitwatch",
    "service.version": BUILD_INFO.version,
    "service.instance.id": expect.stringMatching(/^[\da-f-]{36}$/),
    "host.name": "lab-1",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.version": expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
});

test("prefers configured attributes, except empty ones, the service name and the SDK", async () => {
  const attributes = [
    "deployment.environment.name=lab",
    "host.name=h%201",
    "service.instance.id=mine",
    "service.version=",
    "service.name=other",
    "telemetry.sdk.name=fake",
  ];
  const env = { OTEL_RESOURCE_ATTRIBUTES: attributes.join(), OTEL_SERVICE_NAME: "watch" };
  expect(await resource(env)).toMatchObject({
    "deployment.environment.name": "lab",
    "host.name": "h 1",
    "service.instance.id": "mine",
    "service.version": BUILD_INFO.version,
    "service.name": "watch",
    "telemetry.sdk.name": "opentelemetry",
  });
});

test("is the same object until the host's name changes", async () => {
  let host = "container";
  const parsed = parseConfig(["--storage.path="], {});
  if (parsed.kind !== "run") throw new Error(`parsed as ${parsed.kind}`);
  const { log } = recordedLog();
  const { config } = parsed;
  const read = await resourceOf({ config, folder: undefined, log, hostName: () => host });
  const first = read();
  expect(read()).toBe(first);
  host = "lab-1";
  expect(read()).toEqual({ ...first, "host.name": "lab-1" });
  expect(read()).toBe(read());
});

test("derives another instance id when the engine or the filters differ", async () => {
  const idOf = async (...args: string[]): Promise<string | undefined> =>
    (await resource({}, args))["service.instance.id"];
  const ids = await Promise.all([
    idOf(),
    idOf("--watch.cluster=dev"),
    idOf("--docker.host=unix:///elsewhere.sock"),
  ]);
  expect(new Set(ids).size).toBe(3);
});
