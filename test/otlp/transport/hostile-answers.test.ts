import { expect, test } from "@jest/globals";
import { readExportResponse } from "../../../src/otlp/protocol/export-response.ts";
import { grpcOutcome } from "../../../src/otlp/transport/grpc-outcome.ts";
import { httpOutcome } from "../../../src/otlp/transport/http-outcome.ts";
import { readRpcStatus } from "../../../src/otlp/protocol/rpc-status.ts";
import { redactor } from "../../../src/otlp/protocol/redact.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const redact = redactor([["authorization", "Bearer hunter2"]]);
const TYPES = ["application/x-protobuf", "application/json", "text/plain", "text/html", undefined];

test("reads any response as an outcome in a few words", () => {
  const random = seededRandom(20261126);
  const kinds = new Set<string>();
  for (let round = 0; round < 2_000; round++) {
    const bytes = Buffer.from(Array.from({ length: random(40) }, () => random(256)));
    if (round % 2 === 0 && bytes.length > 2)
      bytes.set([[0x0a, 0x12, 0x1a][random(3)] ?? 0, bytes.length - 2]);
    const type = TYPES[random(TYPES.length)];
    const headers = {
      ...(type === undefined ? {} : { "content-type": type }),
      "retry-after": bytes.toString("latin1"),
      date: bytes.toString("latin1"),
      location: bytes.toString("latin1"),
    };
    const end = (["whole", "cut", "long"] as const)[random(3)] ?? "whole";
    const answer = { status: 200 + random(400), headers, body: bytes, end };
    const asked = { signal: "logs", encoding: "protobuf", redact, nowMs: 0 } as const;
    const failure = {
      code: random(20),
      details: bytes.toString("latin1"),
      status: bytes,
      isUnconnected: random(2) === 0,
    };
    for (const outcome of [httpOutcome(answer, asked), grpcOutcome(failure, redact)]) {
      kinds.add(outcome.kind);
      expect(outcome.message.length).toBeLessThan(400);
      expect(outcome.message).not.toMatch(/\p{Cc}/u);
      if (outcome.kind !== "accepted") expect(outcome.reason).toMatch(/^[a-z_0-9]{2,30}$/);
      else expect(outcome.rejected).toBeGreaterThanOrEqual(0);
      if (outcome.kind === "retry") {
        expect(outcome.afterMs ?? 1).toBeGreaterThan(0);
        expect(outcome.afterMs ?? 1).toBeLessThanOrEqual(3_600_000);
      }
    }
  }
  expect([...kinds].sort()).toEqual(["accepted", "rejected", "retry", "too-large"]);
});

test("ignores absurd numbers", () => {
  const rejected = Buffer.from([0x0a, 11, 0x08, ...Buffer.alloc(9, 0xff), 0x01]);
  expect(readExportResponse(rejected, "protobuf", "logs")).toEqual({ rejected: 0, message: "" });
  const json = Buffer.from('{"partialSuccess":{"rejectedLogRecords":"1e999"}}');
  expect(readExportResponse(json, "json", "logs")).toEqual({ rejected: 0, message: "" });
  expect(readExportResponse(Buffer.from("null"), "json", "logs")).toBeUndefined();
  expect(readRpcStatus(Buffer.from([0x12]))).toBeUndefined();
});
