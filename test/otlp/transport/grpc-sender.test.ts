import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { constants, createServer } from "node:http2";
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { Metadata, ServerCredentials, status } from "@grpc/grpc-js";
import type { OtlpEndpoint } from "../../../src/otlp/protocol/endpoint.ts";
import { openSender } from "../../../src/otlp/transport/open-sender.ts";
import type { SendOutcome } from "../../../src/otlp/transport/sender.ts";
import { TestAuthority } from "../../support/test-authority.ts";
import { grpcServer } from "../../support/grpc-server.ts";
import type { GrpcAnswer } from "../../support/grpc-server.ts";
import { httpServer, rawServer } from "../../support/http-servers.ts";
import { endpointOf, logsRequest } from "../../support/otlp-requests.ts";

const REQUEST = logsRequest(3);
const NEVER = new AbortController().signal;
const OK = Buffer.alloc(0);
const ACCEPTED = { kind: "accepted", rejected: 0, message: "" };

function endpointAt(address: string, special: Partial<OtlpEndpoint> = {}): OtlpEndpoint {
  return endpointOf({ url: `http://${address}`, protocol: "grpc", ...special });
}

async function sendOnce(
  address: string,
  special: Partial<OtlpEndpoint> = {},
  request = REQUEST,
): Promise<SendOutcome> {
  await using sender = await openSender(endpointAt(address, special), "logs");
  return await sender.send(request, NEVER);
}

async function answered(answer: GrpcAnswer): Promise<SendOutcome> {
  await using server = await grpcServer(() => answer);
  return await sendOnce(server.address);
}

/** Returns a message of fields of wire type 2, each shorter than 128 bytes. */
const message = (fields: Readonly<Record<number, string | Buffer>>): Buffer =>
  Buffer.concat(
    Object.entries(fields).map(([number, content]) => {
      const bytes = Buffer.from(content);
      return Buffer.from([(Number(number) << 3) | 2, bytes.length, ...bytes]);
    }),
  );

/** `grpc-status-details-bin` with a RetryInfo of so many seconds and half a second. */
function retryInfo(seconds: number): Metadata {
  const halfSecond = [0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
  const info = message({ 1: Buffer.from([0x08, seconds, ...halfSecond]) });
  const other = message({ 1: "type.googleapis.com/google.rpc.ErrorInfo", 2: "?" });
  const any = message({ 1: "type.googleapis.com/google.rpc.RetryInfo", 2: info });
  const metadata = new Metadata();
  metadata.set(
    "grpc-status-details-bin",
    Buffer.concat([message({ 2: "busy", 3: other }), message({ 3: any })]),
  );
  return metadata;
}

test("sends the bytes as they are, with headers as metadata", async () => {
  await using server = await grpcServer(() => OK);
  const outcome = await sendOnce(server.address, {
    headers: [
      ["authorization", "Bearer secret"],
      ["raw-bin", "AP8="],
    ],
    userAgent: "unitwatch/1.2.3",
  });
  expect(outcome).toEqual(ACCEPTED);
  const [call] = server.calls;
  expect(call?.path).toBe("/opentelemetry.proto.collector.logs.v1.LogsService/Export");
  expect(call?.message).toEqual(Buffer.from(REQUEST));
  expect(call?.metadata.get("authorization")).toEqual(["Bearer secret"]);
  expect(call?.metadata.get("raw-bin")).toEqual([Buffer.from([0, 255])]);
  expect(call?.metadata.get("user-agent")).toEqual([expect.stringMatching(/^unitwatch\/1\.2\.3 /)]);
  expect(call?.metadata.get("grpc-encoding")).not.toEqual(["gzip"]);
});

test("sends metrics to their own service, and prefers a user agent of the headers", async () => {
  await using server = await grpcServer(() => OK);
  const headers = [["user-agent", "mine"]] as const;
  const endpoint = endpointAt(server.address, { headers, userAgent: "unitwatch" });
  await using sender = await openSender(endpoint, "metrics");
  expect(await sender.send(REQUEST, NEVER)).toEqual(ACCEPTED);
  const [call] = server.calls;
  expect(call?.path).toBe("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
  expect(call?.metadata.get("user-agent")).toEqual([expect.stringMatching(/^mine /)]);
});

/** Passes each request to `answer` when its message has arrived. */
async function http2Server(
  answer: (stream: ServerHttp2Stream, message: Buffer, headers: IncomingHttpHeaders) => void,
): Promise<AsyncDisposable & { readonly address: string }> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("end", () => answer(stream, Buffer.concat(chunks), headers));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const session of sessions) session.destroy();
      await once(server, "close");
    },
  };
}

test("compresses by gzip when configured", async () => {
  // gRPC's own server hides the encoding of a message: on the wire it is a byte for compression, four
  // for the length, and the message.
  const received: { readonly encoding: unknown; readonly message: Buffer }[] = [];
  await using server = await http2Server((stream, bytes, headers) => {
    received.push({ encoding: headers["grpc-encoding"], message: bytes });
    stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  });
  expect(await sendOnce(server.address, { compression: "gzip" })).toEqual(ACCEPTED);
  expect(await sendOnce(server.address)).toEqual(ACCEPTED);
  const [zipped, plain] = received;
  expect(zipped?.encoding).toBe("gzip");
  expect(zipped?.message[0]).toBe(1);
  expect(gunzipSync(zipped?.message.subarray(5) ?? "")).toEqual(Buffer.from(REQUEST));
  expect(plain?.message[0]).toBe(0);
  expect(plain?.message.subarray(5)).toEqual(Buffer.from(REQUEST));
});

test.each<[string, (stream: ServerHttp2Stream) => void]>([
  ["resets it: an internal error", (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)],
  ["resets it: a protocol error", (stream) => stream.close(constants.NGHTTP2_PROTOCOL_ERROR)],
  ["resets it: calm down", (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)],
  ["breaks the connection", (stream) => stream.session?.destroy()],
  ["goes away", (stream) => stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)],
  [
    "ends without a status",
    (stream) => {
      stream.respond({ "content-type": "application/grpc" });
      stream.end(Buffer.alloc(5));
    },
  ],
  [
    "breaks the connection in mid-answer",
    (stream) => {
      stream.respond({ "content-type": "application/grpc" });
      stream.write(Buffer.alloc(3), () => stream.session?.destroy());
    },
  ],
])("retries a call without a response: the server %s", async (_name, act) => {
  await using server = await http2Server(act);
  expect(await sendOnce(server.address)).toMatchObject({ kind: "retry", reason: "reset" });
});

test.each([
  [413, "too-large", "http_413"],
  [502, "retry", "http_502"],
  [404, "rejected", "http_404"],
  [200, "rejected", "http_2xx"],
])("reads a response %d without gRPC, as of a proxy: %s", async (status, kind, reason) => {
  await using server = await http2Server((stream) =>
    stream.respond({ ":status": status }, { endStream: true }),
  );
  expect(await sendOnce(server.address)).toMatchObject({
    kind,
    reason,
    message: `the endpoint answered HTTP ${status} without gRPC`,
  });
});

test("counts a rejection when the server closes with it", async () => {
  await using server = await http2Server((stream) => {
    const headers = { "content-type": "application/grpc", "grpc-status": "3" };
    stream.respond(headers, { endStream: true });
    stream.session?.close();
  });
  expect(await sendOnce(server.address)).toMatchObject({
    kind: "rejected",
    reason: "grpc_invalid_argument",
  });
});

test("ignores a path in the endpoint", async () => {
  await using server = await grpcServer(() => OK);
  expect(await sendOnce("", { url: `http://${server.address}/v1/logs` })).toEqual(ACCEPTED);
});

test.each([
  [status.CANCELLED, "grpc_cancelled"],
  [status.DEADLINE_EXCEEDED, "timeout"],
  [status.ABORTED, "grpc_aborted"],
  [status.OUT_OF_RANGE, "grpc_out_of_range"],
  [status.UNAVAILABLE, "grpc_unavailable"],
  [status.DATA_LOSS, "grpc_data_loss"],
])("retries after code %d: %s", async (code, reason) => {
  const outcome = await answered({ code, details: "so it is" });
  expect(outcome).toMatchObject({ kind: "retry", reason, afterMs: undefined });
  expect(outcome.message).toMatch(/^the endpoint answered [A-Z_]+: "so it is"$/);
});

test.each([
  [status.UNKNOWN, "grpc_unknown"],
  [status.INVALID_ARGUMENT, "grpc_invalid_argument"],
  [status.NOT_FOUND, "grpc_not_found"],
  [status.ALREADY_EXISTS, "grpc_already_exists"],
  [status.PERMISSION_DENIED, "grpc_permission_denied"],
  [status.FAILED_PRECONDITION, "grpc_failed_precondition"],
  [status.UNIMPLEMENTED, "grpc_unimplemented"],
  [status.INTERNAL, "grpc_internal"],
  [status.UNAUTHENTICATED, "grpc_unauthenticated"],
  [status.RESOURCE_EXHAUSTED, "grpc_resource_exhausted"],
])("rejects the request for code %d: %s", async (code, reason) => {
  const outcome = await answered({ code, details: "so it is" });
  expect(outcome).toMatchObject({ kind: "rejected", reason });
});

test.each([
  [status.UNAVAILABLE, "grpc_unavailable"],
  [status.RESOURCE_EXHAUSTED, "grpc_resource_exhausted"],
])("retries code %d after the delay of its RetryInfo", async (code, reason) => {
  const outcome = await answered({ code, details: "busy", metadata: retryInfo(7) });
  expect(outcome).toMatchObject({ kind: "retry", reason, afterMs: 7_500 });
});

test("doesn't retry another code because of RetryInfo", async () => {
  const answer = { code: status.INVALID_ARGUMENT, details: "bad", metadata: retryInfo(7) };
  expect(await answered(answer)).toMatchObject({ kind: "rejected" });
});

test("ignores unreadable details", async () => {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from([0x1a, 0x7f]));
  const outcome = await answered({ code: status.UNAVAILABLE, details: "busy", metadata });
  expect(outcome).toMatchObject({ kind: "retry", afterMs: undefined });
});

test("requests smaller requests when the server accepts less", async () => {
  await using server = await grpcServer(() => OK, { maxBytes: 100 });
  const outcome = await sendOnce(server.address);
  expect(outcome).toMatchObject({ kind: "too-large", reason: "grpc_resource_exhausted" });
  expect(server.calls).toHaveLength(0);
});

test.each([
  "grpc: received message larger than max (5000000 vs. 4194304)",
  "grpc: received message after decompression larger than max 4194304",
  "gRPC message exceeds maximum size 4194304: 5000000",
  "Received message exceeds the maximum configured message size.",
  "Received message larger than max (5000000 vs 4194304)",
])("requests a smaller request: %s", async (details) => {
  const outcome = await answered({ code: status.RESOURCE_EXHAUSTED, details });
  expect(outcome).toMatchObject({ kind: "too-large" });
});

test("doesn't send a request that no server accepts", async () => {
  await using server = await grpcServer(() => OK);
  const outcome = await sendOnce(server.address, {}, new Uint8Array(4 * 1024 * 1024 + 1));
  expect(outcome).toMatchObject({ kind: "too-large", reason: "size" });
  expect(server.calls).toHaveLength(0);
});

test("counts and reports a partial success", async () => {
  const partial = Buffer.concat([Buffer.from([0x08, 2]), message({ 2: "no body" })]);
  const outcome = await answered(message({ 1: partial }));
  expect(outcome).toEqual({ kind: "accepted", rejected: 2, message: '"no body"' });
});

test("counts an unreadable response as accepted", async () => {
  expect(await answered(Buffer.from("garbage"))).toMatchObject({ kind: "accepted", rejected: 0 });
});

test("doesn't read a response that is much too large", async () => {
  const outcome = await answered(Buffer.alloc(200_000));
  expect(outcome).toMatchObject({ kind: "rejected", reason: "protocol" });
});

test("redacts headers that the endpoint repeats", async () => {
  const code = status.UNAUTHENTICATED;
  await using server = await grpcServer(({ metadata }) => ({
    code,
    details: `bad ${String(metadata.get("authorization")[0])}`,
  }));
  const outcome = await sendOnce(server.address, {
    headers: [["authorization", "Bearer hunter2-hunter2"]],
  });
  expect(outcome.message).toBe('the endpoint answered UNAUTHENTICATED: "bad [redacted]"');
});

test("names a header that gRPC lacks when the sender is opened", async () => {
  for (const [name, value] of [
    ["x-läb", "a"],
    ["x-lab", "hünter2"],
  ] as const) {
    const opening = openSender(endpointAt("127.0.0.1:1", { headers: [[name, value]] }), "logs");
    await expect(opening).rejects.toThrow(`the header ${name}, or its value, can't be sent`);
    await expect(opening).rejects.not.toThrow("hünter2");
  }
});

test("times out when the endpoint is silent, and connects again", async () => {
  const never = new Promise<GrpcAnswer>(() => {});
  let isHanging = true;
  await using server = await grpcServer(() => (isHanging ? never : OK));
  await using sender = await openSender(endpointAt(server.address, { timeoutMs: 100 }), "logs");
  expect(await sender.send(REQUEST, NEVER)).toEqual({
    kind: "retry",
    reason: "timeout",
    message: "the endpoint didn't answer in 100 ms",
    afterMs: undefined,
  });
  isHanging = false;
  let outcome = await sender.send(REQUEST, NEVER);
  // On a busy machine a new connection can take longer than that.
  while (outcome.kind === "retry" && outcome.reason === "timeout") {
    outcome = await sender.send(REQUEST, NEVER);
  }
  expect(outcome).toEqual(ACCEPTED);
});

test("ends a request when it is aborted or the sender is disposed", async () => {
  const never = new Promise<GrpcAnswer>(() => {});
  const arrivals = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using server = await grpcServer(() => {
    arrivals[server.calls.length - 1]?.resolve();
    return never;
  });
  const sender = await openSender(endpointAt(server.address), "logs");
  const off = new AbortController();
  const first = sender.send(REQUEST, off.signal);
  const second = sender.send(REQUEST, NEVER);
  await Promise.all(arrivals.map(({ promise }) => promise));
  off.abort();
  expect(await first).toMatchObject({ kind: "retry", reason: "aborted" });
  await sender[Symbol.asyncDispose]();
  expect(await second).toMatchObject({ kind: "retry", reason: "aborted" });
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ kind: "retry", reason: "aborted" });
});

test("reaches a restored endpoint by the next request", async () => {
  const { address } = await (async () => {
    await using server = await grpcServer(() => OK);
    return server;
  })();
  await using sender = await openSender(endpointAt(address), "logs");
  for (let i = 0; i < 5; i++) {
    const outcome = await sender.send(REQUEST, NEVER);
    expect(outcome).toMatchObject({ kind: "retry", reason: "connect" });
    expect(outcome.message).toContain("ECONNREFUSED");
  }
  for (let round = 0; round < 2; round++) {
    {
      await using server = await grpcServer(() => OK, { address });
      expect(await sender.send(REQUEST, NEVER)).toEqual(ACCEPTED);
      expect(server.calls).toHaveLength(1);
    }
    expect(await sender.send(REQUEST, NEVER)).toMatchObject({ kind: "retry" });
  }
});

test("retries when the name is unknown", async () => {
  // Longer than a name can be, so that no resolver is queried.
  const outcome = await sendOnce(`${"x".repeat(64)}.invalid:4317`);
  expect(outcome).toMatchObject({ kind: "retry", reason: "dns" });
});

test("reports a protocol fault for another kind of server", async () => {
  await using http = await httpServer((response) => response.end());
  expect(await sendOnce(http.address)).toMatchObject({ kind: "retry" });
  await using ssh = await rawServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
  expect(await sendOnce(ssh.address)).toMatchObject({ kind: "retry" });
  await using reset = await rawServer((socket) => socket.resetAndDestroy());
  expect(await sendOnce(reset.address)).toMatchObject({ kind: "retry" });
  await using silent = await rawServer(() => {});
  expect(await sendOnce(silent.address, { timeoutMs: 100 })).toMatchObject({ reason: "timeout" });
});

test("checks certificates on both sides over TLS, and loads renewed ones", async () => {
  await using authority = await TestAuthority.make();
  await using other = await TestAuthority.make();
  const [own, mine] = [await authority.issue("server"), await authority.issue("client")];
  const [ca, key, cert] = await Promise.all(
    [authority.cert, own.key, own.cert].map((file) => readFile(file)),
  );
  const pair = { private_key: key ?? OK, cert_chain: cert ?? OK };
  const credentials = ServerCredentials.createSsl(ca ?? OK, [pair], true);
  await using server = await grpcServer(() => OK, { credentials });
  const url = `https://${server.address}`;
  const files = { caFile: authority.cert, keyFile: mine.key, certFile: mine.cert };
  expect(await sendOnce("", { url, tls: files })).toEqual(ACCEPTED);

  const wrong = await sendOnce("", { url, tls: { ...files, caFile: other.cert } });
  expect(wrong).toMatchObject({ kind: "retry", reason: "tls" });
  expect(wrong.message).toContain("certificate");
  const anonymous = { ...files, keyFile: undefined, certFile: undefined };
  expect(await sendOnce("", { url, tls: anonymous })).toMatchObject({ kind: "retry" });
  expect(await sendOnce("", { url: `http://${server.address}` })).toMatchObject({ kind: "retry" });
  expect(server.calls).toHaveLength(1);

  const renewed = { ...files, caFile: join(dirname(own.cert), "renewed.pem") };
  await copyFile(other.cert, renewed.caFile);
  await using sender = await openSender(endpointAt("", { url, tls: renewed }), "logs");
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ reason: "tls" });
  await copyFile(authority.cert, renewed.caFile);
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ reason: "tls" });
  expect(await sender.send(REQUEST, NEVER)).toEqual(ACCEPTED);
});
