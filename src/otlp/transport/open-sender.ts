/**
 * Senders: one request to one endpoint by HTTP or gRPC, and its outcome. It imports protocol/, domain
 * and platform. A failure is an outcome, never an exception; foreign text in messages is bounded and
 * free of secrets. Retries are the caller's.
 */
import type { OtlpSignal } from "../../domain/otlp.ts";
import type { OtlpEndpoint } from "../protocol/endpoint.ts";
import type { OtlpSender } from "./sender.ts";
import { TlsFiles } from "./tls-files.ts";

/**
 * Opens a sender of one signal's requests to an endpoint. It connects at the first request.
 *
 * @throws if a certificate file is unreadable or invalid, or a header can't be sent over gRPC
 */
export async function openSender(endpoint: OtlpEndpoint, signal: OtlpSignal): Promise<OtlpSender> {
  const isTls = new URL(endpoint.url).protocol === "https:";
  const options = { endpoint, signal, tls: isTls ? await TlsFiles.open(endpoint.tls) : undefined };
  // Each protocol costs memory and start-up time: it is loaded only when used.
  if (endpoint.protocol === "grpc") {
    const { GrpcSender } = await import("./grpc-sender.ts");
    return new GrpcSender(options);
  }
  const { HttpSender } = await import("./http-sender.ts");
  if (endpoint.protocol === "http/protobuf") return new HttpSender(options);
  const { otlpJson } = await import("../protocol/json-transcoder.ts");
  const name = signal === "logs" ? "ExportLogsServiceRequest" : "ExportMetricsServiceRequest";
  return new HttpSender({
    ...options,
    json: (request, maxBytes) => otlpJson(name, request, maxBytes),
  });
}
