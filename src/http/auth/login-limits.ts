import { isIPv6 } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Failed logins of one address: 10 at once, then one each 6 s. */
export const FAILURES_OF_ONE = { burst: 10, intervalMs: 6_000 };
/** Failed logins of all addresses together. Each takes the time of a bcrypt check. */
export const FAILURES_OF_ALL = { burst: 100, intervalMs: 500 };
/** Addresses that are counted apart; a further one evicts the one without a login for longest. */
export const MAX_ADDRESSES = 1024;

/** Limits the rate of failed logins. */
export class LoginLimits {
  readonly #clock: Clock;
  readonly #all: TokenBucket;
  readonly #ofOne = new BoundedMap<string, TokenBucket>(MAX_ADDRESSES);

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#all = new TokenBucket(FAILURES_OF_ALL, clock);
  }

  /**
   * Begins a login, which counts as failed until the returned function is called. Returns undefined
   * if the address has to wait.
   */
  begin(address: string): (() => void) | undefined {
    const one = this.#bucketOf(address);
    if (!one.take()) return undefined;
    if (!this.#all.take()) {
      one.giveBack();
      return undefined;
    }
    return () => {
      one.giveBack();
      this.#all.giveBack();
    };
  }

  /** Returns how long the address has to wait for its next login. */
  waitMs(address: string): number {
    return Math.max(this.#bucketOf(address).waitMs, this.#all.waitMs);
  }

  #bucketOf(address: string): TokenBucket {
    const key = networkOf(address);
    const bucket = this.#ofOne.get(key) ?? new TokenBucket(FAILURES_OF_ONE, this.#clock);
    this.#ofOne.set(key, bucket);
    return bucket;
  }
}

/** Returns the /64 network of an IPv6 address, since a host has all its addresses; else the address. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  if (/^::ffff:[\d.]+$/i.test(address)) return address.slice("::ffff:".length);
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(8 - before.length - after.length, 0) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
