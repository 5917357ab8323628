import { DBusProtocolError } from "./errors.ts";
import { excerpt } from "../../platform/data/escape.ts";
import { maxAuthLineBytes, maxAuthLines } from "./limits.ts";

/** Result of a chunk from the peer. */
export interface AuthStep {
  /** Text to send; `""` for none. */
  readonly send: string;
  /** Bytes after the peer's last line, the first of the messages; set once authentication is done. */
  readonly messages?: Buffer;
}

/**
 * Authenticates the client by the mechanism EXTERNAL, without file descriptors, as a state machine
 * over the peer's bytes:
 *
 * ```
 * → \0AUTH EXTERNAL 3635353334\r\n     hexadecimal of "65534"; none without a uid
 * ← DATA\r\n                           if the identity is to come from the socket alone
 * → DATA\r\n
 * ← OK 1234deadbeef…\r\n               32 hexadecimal digits, the server's GUID
 * → BEGIN\r\n
 * ```
 *
 * Source: D-Bus specification, "Authentication Protocol".
 */
export class AuthClient {
  readonly #identity: string;
  #line = Buffer.alloc(0);
  #lines = 0;

  /** @param uid user id to authenticate as, decimal; undefined leaves it to the peer */
  constructor(uid?: number | string) {
    this.#identity = uid === undefined ? "" : String(uid);
  }

  /** First line to send. */
  get hello(): string {
    const hex = Buffer.from(this.#identity).toString("hex");
    return `\0AUTH EXTERNAL${hex === "" ? "" : ` ${hex}`}\r\n`;
  }

  /** Excerpt of an unfinished line, for an error's message. */
  get unfinished(): string {
    return excerpt(this.#line);
  }

  /**
   * Takes a chunk of the peer's bytes.
   *
   * @throws DBusProtocolError `refused`, `malformed` or `limit`, with an excerpt of the peer's bytes
   */
  push(chunk: Buffer): AuthStep {
    let send = "";
    let rest = chunk;
    for (;;) {
      const newline = rest.indexOf(0x0a);
      const lineBytes = this.#line.length + (newline < 0 ? rest.length : newline + 1);
      if (lineBytes > maxAuthLineBytes) {
        const said = excerpt(Buffer.concat([this.#line, rest]));
        const why = `a line of more than ${maxAuthLineBytes} bytes instead of an answer to AUTH`;
        throw new DBusProtocolError("limit", `${why}: ${said}`);
      }
      if (newline < 0) {
        this.#line = Buffer.concat([this.#line, rest]);
        return { send };
      }
      const line = Buffer.concat([this.#line, rest.subarray(0, newline + 1)]);
      this.#line = Buffer.alloc(0);
      rest = rest.subarray(newline + 1);
      send += this.#answer(line, rest);
      if (send.endsWith("BEGIN\r\n")) return { send, messages: rest };
    }
  }

  #answer(line: Buffer, after: Buffer): string {
    this.#lines += 1;
    if (this.#lines > maxAuthLines) {
      throw new DBusProtocolError("limit", `more than ${maxAuthLines} lines before OK`);
    }
    const text = line.toString("latin1");
    if (/^OK [0-9A-Fa-f]{32}\r\n$/.test(text)) return "BEGIN\r\n";
    if (/^DATA(?: [0-9A-Fa-f]*)?\r\n$/.test(text)) return "DATA\r\n";
    if (/^REJECTED(?: .*)?\r\n$/.test(text)) {
      const who = this.#identity === "" ? "" : ` as uid ${excerpt(this.#identity)}`;
      const what = `the peer refused AUTH EXTERNAL${who}: ${excerpt(line)}`;
      throw new DBusProtocolError("refused", what);
    }
    if (/^ERROR(?: .*)?\r\n$/.test(text)) {
      throw new DBusProtocolError("refused", `the peer can't authenticate us: ${excerpt(line)}`);
    }
    // Often this is no bus but a runtime that reports why it started none.
    const said = excerpt(Buffer.concat([line, after]));
    throw new DBusProtocolError("malformed", `not an answer to AUTH EXTERNAL: ${said}`);
  }
}
