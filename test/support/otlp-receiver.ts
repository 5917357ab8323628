import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { OtlpProtocol } from "../../src/domain/otlp.ts";
import { pointsOf } from "./otlp-metrics.ts";
import type { ReceivedPoint } from "./otlp-metrics.ts";
import type { LogsRequest, ReceiverMessage } from "./otlp-receiver-process.ts";
import { slowMs } from "./slowness.ts";

/** A received log record. */
export interface ReceivedLog {
  readonly eventName: string;
  /** Unix nanoseconds. */
  readonly timeNs: bigint;
  readonly observedNs: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A foreign OTLP endpoint in a process of its own, which disposing ends. */
export class OtlpReceiver implements AsyncDisposable {
  /** Accepts logs at `/v1/logs` and metrics at `/v1/metrics` over HTTP. */
  readonly url: string;
  readonly #protocol: OtlpProtocol;
  readonly #child: ChildProcess;
  readonly #logs: ReceivedLog[] = [];
  readonly #metrics: (readonly ReceivedPoint[])[] = [];
  #arrived = Promise.withResolvers<void>();

  constructor(child: ChildProcess, url: string, protocol: OtlpProtocol) {
    this.url = url;
    this.#protocol = protocol;
    this.#child = child;
    child.on("message", (message: ReceiverMessage) => {
      if ("url" in message) return;
      if ("logs" in message) this.#logs.push(...recordsOf(message.logs));
      else this.#metrics.push(pointsOf(message.metrics));
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    });
  }

  /** All records, in the order of their arrival. */
  get logs(): readonly ReceivedLog[] {
    return this.#logs;
  }

  /** The data points of each request, in the order of their arrival. */
  get metrics(): readonly (readonly ReceivedPoint[])[] {
    return this.#metrics;
  }

  /** The environment that makes unitwatch send here. */
  get env(): Readonly<Record<string, string>> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: this.#protocol,
    };
  }

  /** Resolves when `check` of the received data neither throws nor returns false. */
  async until(
    check: (logs: readonly ReceivedLog[]) => unknown,
    { withinMs = 10_000 }: { readonly withinMs?: number } = {},
  ): Promise<void> {
    const late = Promise.withResolvers<true>();
    const timer = setTimeout(() => late.resolve(true), slowMs(withinMs));
    try {
      for (let isLate: true | void = undefined; ;) {
        const arrived = this.#arrived.promise;
        try {
          if (check(this.#logs) !== false) return;
          if (isLate) throw new Error(`no such records in ${withinMs} ms: ${String(check)}`);
        } catch (error) {
          if (isLate) throw error;
        }
        isLate = await Promise.race([arrived, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    // A closed channel alone doesn't always end it.
    child.kill("SIGKILL");
    await exited;
  }
}

/** Starts a receiver for a protocol; over HTTP it accepts both encodings. */
export async function startOtlpReceiver(
  protocol: OtlpProtocol = "http/protobuf",
): Promise<OtlpReceiver> {
  const service = protocol === "grpc" ? "grpc" : "http";
  const child = fork(join(import.meta.dirname, "otlp-receiver-process.ts"), [service], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: [],
  });
  const [message] = (await once(child, "message", {
    signal: AbortSignal.timeout(slowMs(10_000)),
  })) as [ReceiverMessage];
  if (!("url" in message)) throw new Error("the receiver didn't report its address");
  return new OtlpReceiver(child, message.url, protocol);
}

function recordsOf({ resourceLogs }: LogsRequest): ReceivedLog[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ scope, logRecords }) =>
      logRecords.map((record) => ({
        eventName: String(record["eventName"]),
        timeNs: BigInt(String(record["timeUnixNano"])),
        observedNs: BigInt(String(record["observedTimeUnixNano"])),
        severityNumber: Number(record["severityNumber"]),
        severityText: String(record["severityText"]),
        body: record["body"],
        attributes: record["attributes"] as ReceivedLog["attributes"],
        scope,
        resource: resource.attributes,
      })),
    ),
  );
}
