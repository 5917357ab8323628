import { hostname } from "node:os";
import { expect, test } from "@jest/globals";
import { openHostName } from "../../src/app/host-name.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { EventBus } from "../../src/state/event-bus.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { turns } from "../support/turns.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

function opened(
  answers: readonly (() => Promise<string | undefined>)[],
  settings: {
    readonly env?: Readonly<Record<string, string>>;
    readonly isContainer?: boolean;
  } = {},
) {
  const { env = ENDPOINT, isContainer = true } = settings;
  const parsed = parseConfig(["--storage.path="], env);
  if (parsed.kind !== "run") throw new Error(`parsed as ${parsed.kind}`);
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const bus = new EventBus(log);
  let asked = 0;
  const runtime = {
    hostName(): Promise<string | undefined> {
      asked += 1;
      return answers[asked - 1]?.() ?? Promise.reject(new Error("asked too often"));
    },
  };
  const { config } = parsed;
  const name = openHostName({ config, runtime, bus, clock, log, isContainer });
  return { name, clock, bus, lines, asked: () => asked };
}

const lab = (): Promise<string> => Promise.resolve("lab-1");

test("is the name of the engine's host when unitwatch runs in a container", async () => {
  const { name, bus, asked } = opened([lab]);
  const read = await name;
  expect(read()).toBe("lab-1");
  bus.publish("listed", { containers: 1 });
  expect(asked()).toBe(1);
});

test.each([
  ["unitwatch runs on the host", { isContainer: false }],
  ["nothing is exported", { env: {} }],
  ["it is configured", { env: { ...ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: "host.name=mine" } }],
])("is the system's own, and the engine isn't queried, when %s", async (_, settings) => {
  const { name, bus, asked } = opened([], settings);
  expect((await name)()).toBe(hostname());
  bus.publish("listed", { containers: 1 });
  expect(asked()).toBe(0);
});

test("is requested again after a listing when the engine was down at the start", async () => {
  const down = (): Promise<never> => Promise.reject(new Error("ENOENT"));
  const { name, bus, lines } = opened([down, lab]);
  const read = await name;
  expect(read()).toBe(hostname());
  expect(lines).toEqual([expect.stringContaining("host name unavailable from container engine")]);
  bus.publish("listed", { containers: 1 });
  await turns(5);
  expect(read()).toBe("lab-1");
});

test("doesn't hold up the start when the engine answers late", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { name, clock } = opened([() => promise]);
  await clock.advance(1_000);
  const read = await name;
  expect(read()).toBe(hostname());
  resolve("lab-1");
  await turns(5);
  expect(read()).toBe("lab-1");
});
