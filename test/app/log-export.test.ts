import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { httpEndpoint } from "../support/http-endpoint.ts";
import { decodeOtlpLogs } from "../support/otlp-logs.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "unitwatch-logs-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

/** Starts without an engine, which causes one log record. */
function started(url: string, storagePath = path): Promise<Unitwatch> {
  return startUnitwatch({
    host: `unix://${join(path, "no-engine.sock")}`,
    cluster: "none",
    storagePath,
    env: { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${url}/v1/logs` },
  });
}

test("sends queued records in the next process when the endpoint was unavailable", async () => {
  const gone = await httpEndpoint();
  await gone[Symbol.asyncDispose]();
  {
    await using unitwatch = await started(gone.url);
    await unitwatch.untilLogged(({ msg }) => msg === "log export failed, will retry");
    await unitwatch.until(
      (scrape) =>
        scrape.value("unitwatch_otlp_queue_durable") === 1 &&
        Number(scrape.value("unitwatch_otlp_queue_records")) > 0 &&
        Number(scrape.value("unitwatch_otlp_queue_bytes")) > 0,
    );
    expect(await unitwatch.stop()).toEqual({ code: 0, signal: null });
    expect(unitwatch.log).toContainEqual(
      expect.objectContaining({ msg: "log records left in queue", records: 1 }),
    );
  }
  await using endpoint = await httpEndpoint();
  await using next = await started(endpoint.url);
  await endpoint.received(1);
  const { path: sentTo, headers, body } = endpoint.requests[0] ?? {};
  expect(headers?.["user-agent"]).toMatch(/^unitwatch\/\d\S* \(OTLP exporter; JavaScript\)$/);
  expect(sentTo).toBe("/v1/logs");
  expect(decodeOtlpLogs(body ?? Buffer.alloc(0))[0]).toMatchObject({
    eventName: "unitwatch.monitor.error",
    scope: { name: "unitwatch" },
    resource: { "service.name": "unitwatch" },
  });
  await next.until((scrape) => scrape.value("unitwatch_otlp_queue_records") === 0);
});

test("keeps records in memory and warns when another process uses the folder", async () => {
  await using endpoint = await httpEndpoint();
  await using first = await started(endpoint.url);
  await using second = await started(endpoint.url);
  expect(second.log.filter(({ level }) => level === "warn")).toEqual([
    expect.objectContaining({ err: "another process uses it" }),
  ]);
  const durable = async (unitwatch: Unitwatch): Promise<unknown> =>
    (await unitwatch.scrape()).value("unitwatch_otlp_queue_durable");
  expect([await durable(first), await durable(second)]).toEqual([1, 0]);
  await endpoint.received(2);
  const instances = endpoint.requests.flatMap(({ body }) =>
    decodeOtlpLogs(body).map(({ resource }) => resource["service.instance.id"]),
  );
  expect(new Set(instances).size).toBe(2);
});
