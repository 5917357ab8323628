import { Client, credentials, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { GRPC_OPTIONS } from "../../platform/data/grpc-options.ts";
import {
  decodeContainerIds,
  decodeEvent,
  decodeStatusResponse,
  decodeVersion,
  encodeStatusRequest,
} from "./cri-messages.ts";
import type { CriEvent, CriStatus, CriVersion } from "./cri-messages.ts";

const SERVICE = "/runtime.v1.RuntimeService";
/** Largest answer: 1,000 containers with their labels and annotations have 2 MB. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;
const CALL_LIMIT_MS = 5_000;
const NOTHING = Buffer.alloc(0);

/** Answer to a status request, with the pid of PID 1 if the runtime gives it. */
export interface CriAnswer {
  readonly status: CriStatus | undefined;
  readonly pid: number | undefined;
}

/** The CRI of containerd or CRI-O over its socket; disposing cuts every call. It asks, and changes nothing. */
export class CriClient implements Disposable {
  readonly #client: Client;

  /** @param socket path of the socket; connects at the first call */
  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      ...GRPC_OPTIONS,
      "grpc.primary_user_agent": "unitwatch",
      "grpc.max_receive_message_length": MAX_RESPONSE_BYTES,
      // The path may have any characters, which have no place in the header :authority.
      "grpc.default_authority": "localhost",
    });
  }

  version(signal: AbortSignal): Promise<CriVersion> {
    return this.#call("Version", { request: NOTHING, decode: decodeVersion, signal });
  }

  /** Returns the ids of all containers, without sandboxes. */
  containers(signal: AbortSignal): Promise<readonly string[]> {
    return this.#call("ListContainers", { request: NOTHING, decode: decodeContainerIds, signal });
  }

  /** Returns the status of a container; undefined if there is no such container. */
  container(id: string, signal: AbortSignal): Promise<CriAnswer | undefined> {
    return this.#status("ContainerStatus", id, signal);
  }

  /** Returns the status of a pod's sandbox; undefined if there is no such sandbox. */
  sandbox(id: string, signal: AbortSignal): Promise<CriAnswer | undefined> {
    return this.#status("PodSandboxStatus", id, signal);
  }

  /**
   * Passes events on until the stream ends or `signal` aborts; rejects if it breaks. Only what happens
   * from then on is sure to come; a first client also gets up to five minutes of earlier events.
   */
  events(onEvent: (event: CriEvent) => void, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stream = this.#client.makeServerStreamRequest(
      `${SERVICE}/GetContainerEvents`,
      same,
      decodeEvent,
      NOTHING,
    );
    const cancel = (): void => stream.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    stream.on("data", onEvent);
    stream.on("end", resolve);
    stream.on("error", (error: Error) => (signal.aborted ? resolve() : reject(error)));
    return promise.finally(() => signal.removeEventListener("abort", cancel));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #status(method: string, id: string, signal: AbortSignal): Promise<CriAnswer | undefined> {
    const request = encodeStatusRequest(id, true);
    try {
      return await this.#call(method, { request, decode: decodeStatusResponse, signal });
    } catch (error) {
      if (codeOf(error) === status.NOT_FOUND) return undefined;
      throw error;
    }
  }

  #call<T>(
    method: string,
    call: {
      readonly request: Buffer;
      readonly decode: (message: Buffer) => T;
      readonly signal: AbortSignal;
    },
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const running = this.#client.makeUnaryRequest(
      `${SERVICE}/${method}`,
      same,
      call.decode,
      call.request,
      { deadline: Date.now() + CALL_LIMIT_MS },
      (error, response) => {
        if (error !== null) reject(error);
        else resolve(response as T);
      },
    );
    const cancel = (): void => running.cancel();
    call.signal.addEventListener("abort", cancel, { once: true });
    if (call.signal.aborted) cancel();
    return promise.finally(() => call.signal.removeEventListener("abort", cancel));
  }
}

/** Returns whether the runtime lacks the method, as containerd 1.6 lacks events. */
export function isUnimplemented(error: unknown): boolean {
  return codeOf(error) === status.UNIMPLEMENTED;
}

function codeOf(error: unknown): number | undefined {
  return (error as Partial<ServiceError> | undefined)?.code;
}

function same(message: Buffer): Buffer {
  return message;
}
