/**
 * Basic authentication and rate limits. It imports domain and platform. Passwords are checked in a
 * thread, never logged, and never kept in a form that reveals them.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../../domain/clock.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";
import type { CompareBcrypt } from "./bcrypt-checks.ts";
import { LoginLimits } from "./login-limits.ts";

/** 200 if a request may pass, else the status of its answer. */
export type Verdict =
  | { readonly status: 200 | 401 }
  | { readonly status: 429 | 503; readonly retryAfterMs: number };

/** Outcomes that are remembered, of correct and of wrong logins each. */
export const MAX_REMEMBERED = 128;
/** Bcrypt checks that are pending at a time. */
export const MAX_PENDING = 32;

interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Checks Basic authentication (RFC 7617) against bcrypt hashes. A correct login is checked once for
 * as long as its hash stays the same. A wrong login, of an unknown user too, takes as long as a
 * correct one, and its rate is limited.
 */
export class BasicAuth {
  readonly #compare: CompareBcrypt;
  readonly #limits: LoginLimits;
  /** Keys the hashes of remembered logins: outside this process they reveal no password. */
  readonly #secret = randomBytes(32);
  readonly #correct = new BoundedMap<string, true>(MAX_REMEMBERED);
  readonly #wrong = new BoundedMap<string, true>(MAX_REMEMBERED);
  readonly #pending = new Map<string, Promise<boolean>>();

  constructor(compare: CompareBcrypt, clock: Clock) {
    this.#compare = compare;
    this.#limits = new LoginLimits(clock);
  }

  /**
   * Checks a request.
   *
   * @param header the request's Authorization
   * @param users names and bcrypt hashes, at least one
   * @param address the client's IP address
   */
  async check(
    header: string | undefined,
    users: ReadonlyMap<string, string>,
    address: string,
  ): Promise<Verdict> {
    const credentials = basicCredentials(header);
    if (credentials === undefined) return { status: 401 };
    const hash = users.get(credentials.user);
    const key = this.#keyOf(credentials, hash);
    if (hash !== undefined && this.#correct.use(key) === true) return { status: 200 };

    const succeeded = this.#limits.begin(address);
    if (succeeded === undefined) {
      return { status: 429, retryAfterMs: this.#limits.waitMs(address) };
    }
    if (this.#wrong.use(key) === true) return { status: 401 };
    const known = this.#pending.get(key);
    if (known === undefined && this.#pending.size >= MAX_PENDING) {
      succeeded();
      return { status: 503, retryAfterMs: 1000 };
    }
    const matches = await (known ??
      this.#begin(key, credentials, hash ?? this.#decoy(credentials, users)));
    if (hash === undefined || !matches) {
      this.#wrong.set(key, true);
      return { status: 401 };
    }
    this.#correct.set(key, true);
    succeeded();
    return { status: 200 };
  }

  async #begin(key: string, { password }: Credentials, hash: string): Promise<boolean> {
    const check = this.#compare(password, hash);
    this.#pending.set(key, check);
    try {
      return await check;
    } finally {
      this.#pending.delete(key);
    }
  }

  /** Returns some user's hash, always the same for an unknown name: its check takes as long. */
  #decoy({ user }: Credentials, users: ReadonlyMap<string, string>): string {
    const hashes = [...users.values()];
    const number = createHmac("sha256", this.#secret).update(user).digest().readUInt32BE();
    return hashes[number % hashes.length] ?? "";
  }

  #keyOf({ user, password }: Credentials, hash: string | undefined): string {
    return createHmac("sha256", this.#secret)
      .update(JSON.stringify([user, hash ?? "", password]))
      .digest("base64");
  }
}

/** Returns the credentials of an Authorization header, or undefined unless its scheme is Basic. */
function basicCredentials(header = ""): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const at = text.indexOf(":");
  return at < 0 ? undefined : { user: text.slice(0, at), password: text.slice(at + 1) };
}
