import { setImmediate as nextTurn } from "node:timers/promises";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { asError } from "../platform/data/as-error.ts";
import type { Clock } from "../domain/clock.ts";
import { halves, serialized } from "./metric-request.ts";
import type { MetricFrame, MetricSlice, MetricSource, SerializedSlice } from "./metric-request.ts";
import type { OtlpSender } from "./transport/sender.ts";

export interface MetricPushOptions {
  readonly source: MetricSource;
  readonly sender: OtlpSender;
  /** Returns the attributes of the resource; read for each push. */
  readonly resource: () => Readonly<Record<string, string>>;
  readonly version: string;
  /** Time from the start of one push to that of the next. */
  readonly intervalMs: number;
  /** Limit of one push, with all of its attempts; at most the interval. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Gives the wait after a failure in milliseconds; reset when a request is accepted. */
  readonly backoff: { next(): number; reset(): void };
  /** The endpoint accepted so many points. */
  readonly exported: (points: number) => void;
  /** A request failed. `reason` is one of few, `message` for people. */
  readonly failed: (reason: string, message: string) => void;
  /** A push failed by a fault of unitwatch. */
  readonly broken: (error: Error) => void;
}

export interface MetricPush {
  /** Pushes once more, in at most `limitMs`, and ends. */
  close(limitMs: number): Promise<void>;
}

/** Usual size of a request. gRPC servers accept 4 MiB by default. */
const REQUEST_BYTES = 524_288;
const MAX_REQUEST_BYTES = 3_900_000;
/** Least usual size, for an endpoint that finds requests too large. */
const MIN_REQUEST_BYTES = 32_768;

/** Longest wait that an endpoint can request. */
const MAX_QUIET_MS = 600_000;

/** Pushes metrics from now on, first after one interval. */
export function startMetricPush(options: MetricPushOptions): MetricPush {
  return new PushLoop(options);
}

/** `wait` ends the waits of a push, `send` its requests too. */
interface PushSignals {
  readonly wait: AbortSignal;
  readonly send: AbortSignal;
}

class PushLoop implements MetricPush {
  readonly #options: MetricPushOptions;
  #frame: MetricFrame;
  readonly #closing = new AbortController();
  readonly #late = new AbortController();
  readonly #ended: Promise<void>;
  /** Less than {@link REQUEST_BYTES} if the endpoint found requests too large. */
  #requestBytes = REQUEST_BYTES;
  /** The endpoint requested to receive nothing until then. */
  #quietUntilMs = 0;

  constructor(options: MetricPushOptions) {
    this.#options = options;
    this.#frame = frameOf(options);
    this.#ended = this.#run();
  }

  async close(limitMs: number): Promise<void> {
    const { clock, sender } = this.#options;
    using _limit = clock.setTimeout(() => this.#late.abort(), limitMs);
    this.#closing.abort();
    await this.#ended;
    await this.#push({ wait: this.#late.signal, send: this.#late.signal });
    await sender[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, timeoutMs } = this.#options;
    const { signal: closing } = this.#closing;
    let nextMs = clock.monotonicMs() + intervalMs;
    while (await this.#slept(nextMs - clock.monotonicMs(), closing)) {
      const end = new AbortController();
      using _limit = clock.setTimeout(() => end.abort(), timeoutMs);
      const send = AbortSignal.any([end.signal, this.#late.signal]);
      await this.#push({ wait: AbortSignal.any([closing, send]), send });
      nextMs = Math.max(nextMs + intervalMs, clock.monotonicMs());
    }
  }

  /** Collects and sends until all is sent, or `signals` abort. */
  async #push(signals: PushSignals): Promise<void> {
    const { source, clock, broken } = this.#options;
    try {
      if (!(await this.#slept(this.#quietUntilMs - clock.monotonicMs(), signals.wait))) return;
      this.#frame = frameOf(this.#options);
      let request: SerializedSlice[] = [];
      let isOver = false;
      for await (const slice of source.collect()) {
        if (isOver && this.#closing.signal.aborted) return;
        // Reads on in any case: the end of a collection removes ended series.
        for (const part of isOver ? [] : this.#fitting(slice)) {
          if (bytesOf(request) + part.bytes.length > this.#requestBytes) {
            isOver = !(await this.#deliver(request, signals));
            request = [];
            if (isOver) break;
          }
          request.push(part);
        }
        // Gives other work a turn between slices.
        await nextTurn();
      }
      await this.#deliver(request, signals);
    } catch (error) {
      broken(asError(error));
    }
  }

  /** Cuts a slice into parts none of which is too large by itself. */
  #fitting(slice: MetricSlice): SerializedSlice[] {
    if (slice.length === 0) return [];
    const whole = serialized(this.#frame, slice);
    const isCut = this.#requestBytes < REQUEST_BYTES;
    const limit = isCut ? this.#requestBytes : MAX_REQUEST_BYTES;
    const parts = whole.bytes.length > limit ? halves(slice) : undefined;
    return parts === undefined ? [whole] : parts.flatMap((part) => this.#fitting(part));
  }

  /** Returns false if the rest of this collection is pointless. */
  async #deliver(request: readonly SerializedSlice[], signals: PushSignals): Promise<boolean> {
    const { sender, clock, backoff, exported, failed } = this.#options;
    while (request.length > 0) {
      if (signals.wait.aborted) return false;
      const outcome = await sender.send(
        Buffer.concat(request.map(({ bytes }) => bytes)),
        signals.send,
      );
      switch (outcome.kind) {
        case "accepted":
          backoff.reset();
          for (const { slice } of request) markAccepted(slice);
          exported(Math.max(0, pointsIn(request) - outcome.rejected));
          if (outcome.rejected > 0) failed("partial_success", outcome.message);
          return true;
        case "rejected":
          failed(outcome.reason, outcome.message);
          return true;
        case "too-large":
          return this.#deliverHalves(request, { signals, ...outcome });
        case "retry": {
          failed(outcome.reason, outcome.message);
          const requestedMs = Math.min(outcome.afterMs ?? 0, MAX_QUIET_MS);
          this.#quietUntilMs = clock.monotonicMs() + requestedMs;
          const waitMs = outcome.afterMs === undefined ? backoff.next() : requestedMs;
          if (!(await this.#slept(waitMs, signals.wait))) return false;
          break;
        }
        default:
          outcome satisfies never;
      }
    }
    return true;
  }

  async #deliverHalves(
    request: readonly SerializedSlice[],
    why: { readonly signals: PushSignals; readonly reason: string; readonly message: string },
  ): Promise<boolean> {
    const { signals, reason, message } = why;
    const parts = this.#halved(request);
    if (parts === undefined) {
      this.#options.failed(reason, message);
      return true;
    }
    const smaller = Math.max(MIN_REQUEST_BYTES, Math.ceil(bytesOf(request) / 2));
    this.#requestBytes = Math.min(this.#requestBytes, smaller);
    for (const part of parts) {
      if (!(await this.#deliver(part, signals))) return false;
    }
    return true;
  }

  #halved(request: readonly SerializedSlice[]): (readonly SerializedSlice[])[] | undefined {
    if (request.length > 1) {
      const middle = request.length >> 1;
      return [request.slice(0, middle), request.slice(middle)];
    }
    const parts = halves(request[0]?.slice ?? []);
    return parts?.map((part) => [serialized(this.#frame, part)]);
  }

  /** Returns false if the signal aborts first. */
  async #slept(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      if (ms > 0) await this.#options.clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return !signal.aborted;
  }
}

function frameOf({ resource, version }: MetricPushOptions): MetricFrame {
  return {
    resource: resourceFromAttributes(resource()),
    scope: { name: "unitwatch", version },
  };
}

function markAccepted(slice: MetricSlice): void {
  for (const { accepted } of slice) {
    for (const mark of accepted) mark();
  }
}

function bytesOf(request: readonly SerializedSlice[]): number {
  return request.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function pointsIn(request: readonly SerializedSlice[]): number {
  return request.reduce((sum, { points }) => sum + points, 0);
}
