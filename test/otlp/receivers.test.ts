import { expect, test } from "@jest/globals";
import { openSender } from "../../src/otlp/transport/open-sender.ts";
import { endpointOf, logsRequest } from "../support/otlp-requests.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";

const NEVER = new AbortController().signal;

test.each([
  ["http/protobuf", "none"],
  ["http/json", "none"],
  ["grpc", "none"],
  ["grpc", "gzip"],
] as const)(
  "is read by a foreign receiver: %s with compression %s",
  async (protocol, compression) => {
    await using receiver = await startOtlpReceiver(protocol);
    const url = protocol === "grpc" ? receiver.url : `${receiver.url}/v1/logs`;
    await using sender = await openSender(endpointOf({ url, protocol, compression }), "logs");
    for (const prefix of ["first", "second"]) {
      const outcome = await sender.send(logsRequest(2, prefix), NEVER);
      expect(outcome).toMatchObject({ kind: "accepted", rejected: 0 });
    }
    await receiver.until((logs) => logs.length === 4);
    expect(receiver.logs.map(({ attributes }) => attributes["log.record.uid"])).toEqual([
      "first-0",
      "first-1",
      "second-0",
      "second-1",
    ]);
    expect(receiver.logs[1]).toEqual({
      eventName: "systemd.unit.failed",
      timeNs: 1_795_345_339_000_000_001n,
      observedNs: 1_795_345_339_000_000_002n,
      severityNumber: 17,
      severityText: "ERROR",
      body: "Unit slurmd.service in sind-dev-worker-0 failed: signal, SIGKILL.",
      attributes: {
        "event.name": "systemd.unit.failed",
        "container.name": "sind-dev-worker-0",
        "systemd.unit.name": "slurmd.service",
        "systemd.service.restarts": 1,
        "unitwatch.recovered": false,
        "log.record.uid": "first-1",
      },
      scope: { name: "unitwatch", version: "1.2.3" },
      resource: { "service.name": "unitwatch" },
    });
  },
);
