import type { Clock } from "../../domain/clock.ts";
import { systemClock } from "../../platform/time/clock.ts";
import { AuthClient } from "./auth.ts";
import { type ByteStream, Sender } from "./byte-stream.ts";
import { answerCall, PendingCalls } from "./calls.ts";
import { encodeMessage } from "./encode.ts";
import { abortedError, DBusProtocolError, type DBusProtocolErrorCode } from "./errors.ts";
import { Framer } from "./framer.ts";
import { decodeMessage, type Frame } from "./header.ts";
import { maxPendingCalls } from "./limits.ts";
import type { Message } from "./message.ts";
import { bufferOf } from "./text.ts";
import type { Value } from "./value.ts";

/** Limit on the handshake and on each call, unless told otherwise. */
export const defaultTimeoutMs = 10_000;

/** For `DBusConnection.connect`. */
export interface ConnectOptions {
  /** Who we say we are, a user id. By default we let the peer see for itself. */
  readonly uid?: number | string;
  /** Whether to say Hello, as a bus wants it; false for a peer that is no bus. Default true. */
  readonly hello?: boolean;
  /** Called with each signal, in the stream's order and while it is read: be quick. */
  readonly onSignal?: (message: Message) => void;
  /** Ends the handshake, and later the connection. */
  readonly signal?: AbortSignal;
  /** For authentication and Hello together. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /** For each call that has no limit of its own. Default 10,000. */
  readonly callTimeoutMs?: number;
  /** Runs the timers of these limits. Default: the machine's. */
  readonly clock?: Pick<Clock, "setTimeout">;
  /** Where serials start. Default 1. */
  readonly firstSerial?: number;
}

/** A method call, for `DBusConnection.call`. */
export interface CallRequest {
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** The types of `body`; `""` by default. */
  readonly signature?: string;
  readonly body?: readonly Value[];
  /** Past it the connection is closed: its peer is stuck. */
  readonly timeoutMs?: number;
  /** Gives up waiting. The connection goes on, and ignores the reply. */
  readonly signal?: AbortSignal;
}

/**
 * A client's connection to a bus, or to a single peer.
 *
 * It trusts nobody: whatever breaks the protocol or a limit, takes too long or ends the stream
 * closes the connection for good, with one {@link DBusProtocolError} that says what it was. All
 * calls that wait are rejected with it, and {@link closed} resolves to it. Only an error that a
 * peer answers a call with (`DBusError`) and a call's own `signal` leave the connection open.
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
  /** Undefined once the peer has let us in. */
  #auth: AuthClient | undefined;
  #isOpen = true;
  #uniqueName = "";

  /**
   * Authenticates, and says Hello.
   *
   * @param stream belongs to the connection, which closes it, also when this is rejected
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

  /** Our name on the bus, such as `:1.42`; `""` without Hello. */
  get uniqueName(): string {
    return this.#uniqueName;
  }

  /** Resolves as the connection ends: to why, or to undefined after our own `close`. */
  get closed(): Promise<DBusProtocolError | undefined> {
    return this.#closed.promise;
  }

  /** Ends the connection and its stream. Calls that wait are rejected (`closed`). */
  close(): void {
    this.#end(undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Calls a method.
   *
   * Signals that follow the reply may reach `onSignal` before an `await` of this goes on. Where
   * their order matters, take the reply by `read`.
   *
   * @param read called with the reply in the stream's order, before any message after it is
   * handled; the promise resolves to what it gives
   * @throws DBusError for an error reply, DBusProtocolError for all that is wrong with the
   * connection, TypeError for a request that can't be sent
   */
  call(request: CallRequest): Promise<Message>;
  call<T>(request: CallRequest, read: (reply: Message) => T): Promise<T>;
  async call(request: CallRequest, read = (reply: Message): unknown => reply): Promise<unknown> {
    const { signal, timeoutMs = this.#options.callTimeoutMs ?? defaultTimeoutMs } = request;
    const name = `${request.interface}.${request.member}`;
    if (!this.#isOpen) throw new DBusProtocolError("closed", `${name} on a closed connection`);
    if (signal?.aborted === true) throw abortedError(name, signal);
    if (this.#calls.size >= maxPendingCalls) {
      throw new DBusProtocolError("limit", `${name}: ${maxPendingCalls} calls wait already`);
    }
    const serial = this.#calls.takeSerial();
    const bytes = encodeMessage({ ...request, type: "method_call", serial });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const onAbort = () => this.#calls.reject(serial, abortedError(name, signal!));
    const timer = this.#clock.setTimeout(() => {
      this.#fail("timeout", `no reply to ${name} within ${timeoutMs} ms`);
    }, timeoutMs);
    signal?.addEventListener("abort", onAbort);
    this.#calls.add(serial, {
      resolve: (reply) => resolve(read(reply)),
      reject,
      release: () => {
        timer[Symbol.dispose]();
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
      this.#fail("timeout", what + this.#heard());
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
      this.#fail("stream", `the byte stream failed: ${String(cause)}${this.#heard()}`, cause);
    }
    const held = this.#framer.heldBytes;
    const where = held > 0 ? ` ${held} bytes into a message` : "";
    this.#fail("eof", `the peer ended the stream${where}${this.#heard()}`);
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

  /** Where the handshake stands, for an error's message. */
  #heard(): string {
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
      // It is gone either way.
    }
  }
}
