import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../../domain/clock.ts";
import type { CompareBcrypt } from "./bcrypt-checks.ts";
import { basicCredentials } from "./credentials.ts";
import type { Credentials } from "./credentials.ts";
import { LoginLimits } from "./login-limits.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";

/** Whether a request may go on; else the status that it is answered with. */
export type Verdict =
  | { readonly status: 200 | 401 }
  | { readonly status: 429 | 503; readonly retryAfterMs: number };

/** Logins, right and wrong ones each, whose outcome is remembered. */
export const MAX_REMEMBERED = 128;
/** Logins that wait for their check at a time. */
export const MAX_PENDING = 32;

/**
 * Basic authentication against bcrypt hashes. A login that was right stays so without another check
 * for as long as its hash is the same. One that is wrong, for an unknown user too, takes as long as
 * a right one, and can't be had at any rate.
 */
export class BasicAuth {
  readonly #compare: CompareBcrypt;
  readonly #limits: LoginLimits;
  /** Nothing that is kept of a password can be told from outside, or used elsewhere. */
  readonly #secret = randomBytes(32);
  readonly #right = new BoundedMap<string, true>(MAX_REMEMBERED);
  readonly #wrong = new BoundedMap<string, true>(MAX_REMEMBERED);
  readonly #pending = new Map<string, Promise<boolean>>();

  constructor(compare: CompareBcrypt, clock: Clock) {
    this.#compare = compare;
    this.#limits = new LoginLimits(clock);
  }

  /**
   * @param header the request's Authorization
   * @param users names and bcrypt hashes, at least one
   * @param address where the request comes from
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
    if (hash !== undefined && this.#right.use(key) === true) return { status: 200 };

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
      this.#begin(key, credentials, hash ?? this.#other(credentials, users)));
    if (hash === undefined || !matches) {
      this.#wrong.set(key, true);
      return { status: 401 };
    }
    this.#right.set(key, true);
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

  /** Somebody's hash, always the same for a name, for a check that takes as long as another's. */
  #other({ user }: Credentials, users: ReadonlyMap<string, string>): string {
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
