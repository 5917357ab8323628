import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { handleUnaryCall, Metadata, ServiceError } from "@grpc/grpc-js";

export interface GrpcCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly message: Buffer;
}

export interface TestGrpcServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly calls: readonly GrpcCall[];
}

/** Resolves to the bytes of the response, or rejects with the call's error. */
export type GrpcAnswer = Buffer | (Partial<ServiceError> & { readonly code: number });

/** gRPC server that receives exports of logs and metrics as bytes. */
export async function grpcServer(
  answer: (call: GrpcCall) => GrpcAnswer | Promise<GrpcAnswer>,
  {
    address = "127.0.0.1:0",
    credentials = ServerCredentials.createInsecure(),
    maxBytes = 4 * 1024 * 1024,
  }: {
    readonly address?: string;
    readonly credentials?: ServerCredentials;
    readonly maxBytes?: number;
  } = {},
): Promise<TestGrpcServer> {
  const calls: GrpcCall[] = [];
  const server = new Server({ "grpc.max_receive_message_length": maxBytes });
  for (const signal of ["logs", "metrics"]) {
    const service = signal === "logs" ? "LogsService" : "MetricsService";
    const path = `/opentelemetry.proto.collector.${signal}.v1.${service}/Export`;
    const handle: handleUnaryCall<Buffer, Buffer> = ({ metadata, request: message }, callback) => {
      const call = { path, metadata, message };
      calls.push(call);
      void (async () => {
        const answered = await answer(call);
        if (Buffer.isBuffer(answered)) callback(null, answered);
        else callback(answered);
      })();
    };
    const asItIs = (bytes: Buffer): Buffer => bytes;
    server.addService(
      {
        Export: {
          path,
          requestStream: false,
          responseStream: false,
          requestSerialize: asItIs,
          requestDeserialize: asItIs,
          responseSerialize: asItIs,
          responseDeserialize: asItIs,
        },
      },
      { Export: handle },
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}
