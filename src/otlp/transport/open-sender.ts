import type { OtlpSignal } from "../../domain/otlp.ts";
import type { OtlpEndpoint } from "../protocol/endpoint.ts";
import type { OtlpSender } from "./sender.ts";
import { TlsFiles } from "./tls-files.ts";

/**
 * Makes ready to send requests of a signal to an endpoint; connects when there is one to send.
 *
 * @throws where a certificate file can't be read, or isn't one; where a header can't be sent over
 *   gRPC
 */
export async function openSender(endpoint: OtlpEndpoint, signal: OtlpSignal): Promise<OtlpSender> {
  const isTls = new URL(endpoint.url).protocol === "https:";
  const options = { endpoint, signal, tls: isTls ? await TlsFiles.open(endpoint.tls) : undefined };
  // What only one protocol needs costs memory and start-up time.
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
