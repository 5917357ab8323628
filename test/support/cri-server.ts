import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { handleServerStreamingCall, handleUnaryCall } from "@grpc/grpc-js";

type Answer = Buffer | { readonly code: number };
/** Answers by method; status requests come with their id. */
type Answers = Readonly<Record<string, (id: string) => Answer>>;

export interface CriServer extends AsyncDisposable {
  /** Streams of events that were opened. */
  readonly streams: number;
  /** Resolves when the first stream of events is open. */
  readonly streaming: Promise<void>;
  /** Sends an event to each open stream. */
  send(event: Buffer): void;
}

const asItIs = (bytes: Buffer): Buffer => bytes;
const AS_BYTES = {
  requestStream: false,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
} as const;

/** Serves a Container Runtime Interface with these answers on a socket. */
export async function criServer(socket: string, answers: Answers): Promise<CriServer> {
  const server = new Server();
  const open = new Set<{ write(event: Buffer): unknown; end(): unknown }>();
  const streaming = Promise.withResolvers<void>();
  let streams = 0;
  const path = (method: string): string => `/runtime.v1.RuntimeService/${method}`;
  const methods = Object.fromEntries(
    Object.keys(answers).map((name) => [
      name,
      { ...AS_BYTES, path: path(name), responseStream: false },
    ]),
  );
  const handlers = Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => {
      const handle: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => {
        const answered = answer(idOf(request));
        if (Buffer.isBuffer(answered)) callback(null, answered);
        else callback(answered);
      };
      return [name, handle];
    }),
  );
  const events: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    streams += 1;
    open.add(call);
    call.on("cancelled", () => open.delete(call));
    streaming.resolve();
  };
  server.addService(
    {
      ...methods,
      GetContainerEvents: { ...AS_BYTES, path: path("GetContainerEvents"), responseStream: true },
    },
    { ...handlers, GetContainerEvents: events },
  );
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
    if (error === null) resolve();
    else reject(error);
  });
  await promise;
  return {
    get streams() {
      return streams;
    },
    streaming: streaming.promise,
    send(event) {
      for (const call of open) call.write(event);
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

/** Returns the id of a request that has it in its first field. */
function idOf(request: Buffer): string {
  return request.length < 2 ? "" : request.toString("utf8", 2, 2 + (request[1] ?? 0));
}
