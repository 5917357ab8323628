/*
 * dbus/ is a client of the D-Bus wire protocol: authentication, framing, encoding, decoding, calls and
 * signals over any byte stream. It may import platform, and the Clock of domain. It knows nothing of
 * systemd.
 *
 * The peer is never trusted. limits.ts bounds its memory and time; whatever breaks the protocol or a
 * limit closes the connection with one DBusProtocolError.
 */
import type { Clock } from "../../domain/clock.ts";
import { systemClock } from "../../platform/time/clock.ts";
import { AuthClient } from "./auth.ts";
import { type ByteStream, Sender } from "./byte-stream.ts";
import { answerCall, PendingCalls } from "./calls.ts";
import { encodeMessage } from "./encode.ts";
import {
  DBusError,
  abortedError,
  DBusProtocolError,
  type DBusProtocolErrorCode,
} from "./errors.ts";
import { Framer } from "./framer.ts";
import { decodeMessage, type Frame } from "./header.ts";
import { maxPendingCalls } from "./limits.ts";
import type { Message } from "./message.ts";
import { bufferOf } from "./text.ts";
import type { Value } from "./value.ts";

/** Default limit of the handshake and of each call. */
export const defaultTimeoutMs = 10_000;

/** Options of `DBusConnection.connect`. */
export interface ConnectOptions {
  /** User id to authenticate as. By default the peer takes it from the socket. */
  readonly uid?: number | string;
  /** Whether to call Hello, which a bus requires and another peer lacks. Default true. */
  readonly hello?: boolean;
  /** Called with each signal, synchronously and in the stream's order: it delays the reading. */
  readonly onSignal?: (message: Message) => void;
  /** Ends the handshake, and later the connection. */
  readonly signal?: AbortSignal;
  /** Limit of authentication and Hello together. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /** Limit of each call without its own limit. Default 10,000. */
  readonly callTimeoutMs?: number;
  /** Runs the timers of these limits. Default: the machine's. */
  readonly clock?: Pick<Clock, "setTimeout">;
  /** First serial. Default 1. */
  readonly firstSerial?: number;
}

/** Method call for `DBusConnection.call`. */
export interface CallRequest {
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Types of `body`; `""` by default. */
  readonly signature?: string;
  readonly body?: readonly Value[];
  /** Flags of the message, as {@link MessageFlag} has them; 0 by default. */
  readonly flags?: number;
  /** Time limit; exceeding it closes the connection, since its peer is stuck. `Infinity`: none. */
  readonly timeoutMs?: number;
  /** Ends the wait. The connection goes on, and ignores the reply. */
  readonly signal?: AbortSignal;
  /** Called with an error reply in the stream's order, as `read` is with any other. */
  readonly readError?: (error: DBusError) => void;
}

/**
 * A client of the D-Bus wire protocol: a connection to a bus, or to a single peer.
 *
 * A breach of the protocol or of a limit, a timeout and the end of the stream all close the
 * connection, with one {@link DBusProtocolError} as the reason: pending calls are rejected with it, and {@link closed}
 * resolves to it. Only a peer's error reply (`DBusError`) and a call's own `signal` leave the
 * connection open.
 */
export class DBusConnection implements Disposable {
  readonly #stream: ByteStream;
  readonly #options: ConnectOptions;
  readonly #clock: Pick<Clock, "setTimeout">;
  readonly #calls: PendingCalls;
  readonly #sender: Sender;
  readonly #framer = new Framer();
  readonly #closed = Promise.withResolvers<DBusProtocolError | undefined>();
  readonly #authenticated = Promise.withResolvers<undefined>();
  /** Undefined once authentication is done. */
  #auth: AuthClient | undefined;
  #isOpen = true;
  #uniqueName = "";

  /**
   * Authenticates and calls Hello.
   *
   * @param stream belongs to the connection, which closes it, also when this rejects
   * @throws DBusProtocolError
   */
  static async connect(stream: ByteStream, options: ConnectOptions = {}): Promise<DBusConnection> {
    const connection = new DBusConnection(stream, options);
    await connection.#handshake();
    return connection;
  }

  private constructor(stream: ByteStream, options: ConnectOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#calls = new PendingCalls(options.firstSerial);
    this.#sender = new Sender(stream, this.#onError);
    this.#auth = new AuthClient(options.uid);
  }

  /** Unique name on the bus, such as `:1.42`; `""` without Hello. */
  get uniqueName(): string {
    return this.#uniqueName;
  }

  /** Resolves when the connection ends: to the reason, or to undefined after `close`. */
  get closed(): Promise<DBusProtocolError | undefined> {
    return this.#closed.promise;
  }

  /** Ends the connection and its stream. Pending calls are rejected (`closed`). */
  close(): void {
    this.#end(undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Calls a method.
   *
   * Signals that follow the reply may reach `onSignal` before an `await` of this continues. If their
   * order matters, take the reply by `read`.
   *
   * @param read called with the reply in the stream's order, before any later message is handled;
   * the promise resolves to its result
   * @throws DBusError for an error reply, DBusProtocolError if the connection fails, TypeError for an
   * invalid request
   */
  call(request: CallRequest): Promise<Message>;
  call<T>(request: CallRequest, read: (reply: Message) => T): Promise<T>;
  async call(request: CallRequest, read = (reply: Message): unknown => reply): Promise<unknown> {
    const { signal, timeoutMs = this.#options.callTimeoutMs ?? defaultTimeoutMs } = request;
    const name = `${request.interface}.${request.member}`;
    if (!this.#isOpen) throw new DBusProtocolError("closed", `${name} on a closed connection`);
    if (signal?.aborted === true) throw abortedError(name, signal);
    if (this.#calls.size >= maxPendingCalls) {
      throw new DBusProtocolError("limit", `${name}: ${maxPendingCalls} calls are pending already`);
    }
    const serial = this.#calls.takeSerial();
    const bytes = encodeMessage({ ...request, type: "method_call", serial });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const onAbort = () => this.#calls.reject(serial, abortedError(name, signal!));
    const timer = Number.isFinite(timeoutMs)
      ? this.#clock.setTimeout(() => {
          this.#fail("timeout", `no reply to ${name} within ${timeoutMs} ms`);
        }, timeoutMs)
      : undefined;
    signal?.addEventListener("abort", onAbort);
    this.#calls.add(serial, {
      resolve: (reply) => resolve(read(reply)),
      reject(error) {
        if (error instanceof DBusError) request.readError?.(error);
        reject(error);
      },
      release: () => {
        timer?.[Symbol.dispose]();
        signal?.removeEventListener("abort", onAbort);
      },
    });
    this.#sender.send(bytes);
    return promise;
  }

  async #handshake(): Promise<void> {
    const { signal, hello = true, handshakeTimeoutMs = defaultTimeoutMs } = this.#options;
    const timer = this.#clock.setTimeout(() => {
      const what = `the handshake took more than ${handshakeTimeoutMs} ms`;
      this.#fail("timeout", what + this.#handshakeState());
    }, handshakeTimeoutMs);
    try {
      if (signal?.aborted === true) this.#onAbort();
      else signal?.addEventListener("abort", this.#onAbort);
      if (this.#isOpen) {
        this.#sender.send(Buffer.from(this.#auth!.hello));
        void this.#pump();
      }
      await this.#authenticated.promise;
      if (hello) this.#uniqueName = await this.#hello(handshakeTimeoutMs);
    } finally {
      timer[Symbol.dispose]();
    }
  }

  async #hello(timeoutMs: number): Promise<string> {
    const bus = { destination: "org.freedesktop.DBus", interface: "org.freedesktop.DBus" };
    const request = { ...bus, path: "/org/freedesktop/DBus", member: "Hello", timeoutMs };
    try {
      return await this.call(request, (reply) => reply.read("s", (reader) => reader.string()));
    } catch (cause) {
      if (cause instanceof DBusProtocolError) throw cause;
      throw this.#fail("refused", `the bus refused Hello: ${String(cause)}`, cause);
    }
  }

  async #pump(): Promise<void> {
    try {
      for await (const chunk of this.#stream.readable) {
        if (this.#isOpen) this.#onChunk(chunk);
        if (!this.#isOpen) return;
      }
    } catch (cause) {
      if (!isPeerEnd(cause)) {
        const what = `the byte stream failed: ${String(cause)}${this.#handshakeState()}`;
        this.#fail("stream", what, cause);
      }
    }
    const held = this.#framer.heldBytes;
    const where = held > 0 ? ` ${held} bytes into a message` : "";
    this.#fail("eof", `the peer ended the stream${where}${this.#handshakeState()}`);
  }

  #onChunk(chunk: Uint8Array | string): void {
    let bytes = bufferOf(chunk);
    try {
      if (this.#auth !== undefined) {
        const { send, messages } = this.#auth.push(bytes);
        if (send !== "") this.#sender.send(Buffer.from(send));
        if (messages === undefined) return;
        this.#auth = undefined;
        this.#authenticated.resolve(undefined);
        bytes = messages;
      }
      this.#framer.push(bytes, this.#onFrame);
    } catch (error) {
      if (error instanceof DBusProtocolError) this.#end(error);
      else this.#fail("malformed", `the peer's bytes can't be read: ${String(error)}`, error);
    }
  }

  readonly #onFrame = (frame: Frame): void => {
    const message = decodeMessage(frame, this.#onError);
    if (message === undefined) return;
    switch (message.type) {
      case "signal":
        this.#onSignal(message);
        return;
      case "method_return":
      case "error":
        this.#calls.settle(message);
        return;
      case "method_call":
        this.#answer(message);
        return;
      default:
        message.type satisfies never;
    }
  };

  #onSignal(message: Message): void {
    try {
      this.#options.onSignal?.(message);
    } catch (cause) {
      const what = `onSignal failed on ${message.interface}.${message.member}: ${String(cause)}`;
      this.#fail("listener", what, cause);
    }
  }

  #answer(call: Message): void {
    const reply = answerCall(call, () => this.#calls.takeSerial());
    if (reply !== undefined) this.#sender.send(reply);
  }

  /** Describes the state of the handshake, for an error's message. */
  #handshakeState(): string {
    if (this.#auth === undefined) return "";
    const said = this.#auth.unfinished;
    return `, before an answer to AUTH${said === "" ? "" : `, but said: ${said}`}`;
  }

  readonly #onError = (error: DBusProtocolError): void => this.#end(error);

  readonly #onAbort = (): void => {
    this.#end(abortedError("the connection", this.#options.signal!));
  };

  #fail(code: DBusProtocolErrorCode, message: string, cause?: unknown): DBusProtocolError {
    const error = new DBusProtocolError(code, message, cause === undefined ? {} : { cause });
    this.#end(error);
    return error;
  }

  #end(error: DBusProtocolError | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#framer.stop();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const reason = error ?? new DBusProtocolError("closed", "the connection was closed");
    this.#authenticated.reject(reason);
    this.#calls.rejectAll(reason);
    this.#closed.resolve(error);
    try {
      this.#stream.close();
    } catch {
      // The stream has ended either way.
    }
  }
}

/** True for an error that a socket reports if its peer ended without reading, or writing, all. */
function isPeerEnd(cause: unknown): boolean {
  const { code } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  return code === "ECONNRESET" || code === "EPIPE";
}
