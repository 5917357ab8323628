import { isIPv6 } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import { TokenBucket } from "./token-bucket.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";

/** Failed logins that one address may have: 10 at once, then one each 6 s. */
export const FAILURES_OF_ONE = { burst: 10, intervalMs: 6_000 };
/** And all of them together. Each costs the time of a bcrypt check. */
export const FAILURES_OF_ALL = { burst: 100, intervalMs: 500 };
/** Addresses that are kept apart at a time. */
export const MAX_ADDRESSES = 1024;

/** Bounds how often logins can fail. */
export class LoginLimits {
  readonly #clock: Clock;
  readonly #all: TokenBucket;
  /** The one that was longest without a login first. */
  readonly #ofOne = new BoundedMap<string, TokenBucket>(MAX_ADDRESSES);

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#all = new TokenBucket(FAILURES_OF_ALL, clock);
  }

  /**
   * Begins a login that may fail. Undefined where it has to wait; else what to call when it didn't
   * fail.
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

  /** How long the next login from there has to wait. */
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

/** An IPv6 host has 2^64 addresses to ask from: they count as one. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  if (/^::ffff:[\d.]+$/i.test(address)) return address.slice("::ffff:".length);
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(8 - before.length - after.length, 0) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
