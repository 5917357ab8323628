import type { ByteStream } from "../../../../src/systemd/dbus/byte-stream.ts";
import type { Clock } from "../../../../src/domain/clock.ts";
import { DBusConnection } from "../../../../src/systemd/dbus/connection.ts";
import { encodeMessage, type OutgoingMessage } from "../../../../src/systemd/dbus/encode.ts";
import type { Message } from "../../../../src/systemd/dbus/message.ts";
import type { ConnectOptions } from "../../../../src/systemd/dbus/connection.ts";
import { messageOf, splitFrames } from "./frames.ts";

export const guid = "0123456789abcdef0123456789abcdef";

/** The peer's end of a byte stream, moved by hand. */
export class FakePeer implements ByteStream {
  readonly #chunks: Uint8Array[] = [];
  #wake = Promise.withResolvers<undefined>();
  #end: { readonly error?: Error } | undefined;
  #sent: Uint8Array[] = [];
  closeCalls = 0;
  /** Action of `write` beside keeping the bytes. */
  onWrite: () => void | Promise<void> = () => {};

  readonly readable: AsyncIterable<Uint8Array> = this.#read();

  write(bytes: Uint8Array): void | Promise<void> {
    this.#sent.push(bytes);
    return this.onWrite();
  }

  close(): void {
    this.closeCalls += 1;
    this.end();
  }

  /** Everything that was written since the last time. */
  takeSent(): Buffer {
    return Buffer.concat(this.#sent.splice(0));
  }

  /** The messages that were written since the last time. */
  takeMessages(): Message[] {
    return splitFrames(this.takeSent()).map(messageOf);
  }

  say(...chunks: (string | Uint8Array)[]): void {
    for (const chunk of chunks) {
      this.#chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    }
    this.#wake.resolve(undefined);
  }

  /** Says messages, all in one chunk. */
  send(...messages: OutgoingMessage[]): void {
    this.say(Buffer.concat(messages.map((message) => encodeMessage(message))));
  }

  end(error?: Error): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake.resolve(undefined);
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#end?.error !== undefined) throw this.#end.error;
      else if (this.#end !== undefined) return;
      else {
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      }
    }
  }
}

/** Timers that run when `advance` reaches them. */
export class FakeClock implements Pick<Clock, "setTimeout"> {
  readonly #timers = new Map<unknown, { callback: () => void; atMs: number }>();
  #nowMs = 0;

  get timers(): number {
    return this.#timers.size;
  }

  setTimeout(callback: () => void, delayMs: number): Disposable {
    const timer = {};
    this.#timers.set(timer, { callback, atMs: this.#nowMs + delayMs });
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const [timer, { callback, atMs }] of this.#timers) {
      if (atMs <= this.#nowMs) {
        this.#timers.delete(timer);
        callback();
      }
    }
  }
}

/** Lets everything that waits for a promise go on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Returns the error that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it was not rejected");
}

/** The reply to a call. */
export function replyTo(
  call: Message,
  reply: Partial<OutgoingMessage> & { readonly serial: number },
): OutgoingMessage {
  return { type: "method_return", replySerial: call.serial, ...reply };
}

/** Returns a connection after its handshake, without Hello unless requested. */
export async function connected(
  options: ConnectOptions = {},
): Promise<{ peer: FakePeer; clock: FakeClock; connection: DBusConnection }> {
  const peer = new FakePeer();
  const clock = new FakeClock();
  const connecting = DBusConnection.connect(peer, { clock, hello: false, ...options });
  peer.say(`OK ${guid}\r\n`);
  const connection = await connecting;
  peer.takeSent();
  return { peer, clock, connection };
}
