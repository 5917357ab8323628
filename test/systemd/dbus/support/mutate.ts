/** Pseudo-random numbers that are the same each time (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to one less than `below`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  }

  pick<T>(items: readonly T[] | Uint8Array): T {
    return items[this.below(items.length)] as T;
  }
}

const notable = [0, 1, 2, 3, 4, 7, 8, 16, 255, 256, 65535, 0x4000000, 0x4000001, 0xffffffff];
const codes = Buffer.from("ybnqiuxtdhsogvar(){}");

/** A message changed in one place or up to four, as a fault or an enemy might. */
export function mutate(random: Random, seeds: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(seeds));
  const changes = random.below(2) === 0 ? 1 : 1 + random.below(4);
  for (let i = 0; i < changes && bytes.length > 4; i += 1) {
    bytes = change(random, bytes, seeds);
  }
  return bytes;
}

function change(random: Random, bytes: Buffer, seeds: readonly Buffer[]): Buffer {
  const at = random.below(bytes.length - 3);
  const words = Math.floor(bytes.length / 4);
  switch (random.below(10)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      bytes.writeUInt32LE(random.pick(notable), 4 * random.below(words));
      return bytes;
    case 3:
      bytes.writeUInt32BE(random.pick(notable), 4 * random.below(words));
      return bytes;
    case 4:
      bytes[at] = random.pick(codes);
      return bytes;
    case 5:
      return withBody(bytes.subarray(0, at));
    case 6:
      return withBody(Buffer.concat([bytes.subarray(0, at), random.pick(seeds).subarray(at)]));
    case 7:
      return withBody(
        Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16))]),
      );
    case 8:
      return withBody(
        Buffer.concat([
          bytes.subarray(0, at),
          Buffer.alloc(1 + random.below(16)),
          bytes.subarray(at),
        ]),
      );
    default:
      bytes.copyWithin(random.below(bytes.length), at, at + random.below(64));
      return bytes;
  }
}

/** Fixes the body length in the header, if there is a header. */
function withBody(part: Buffer): Buffer {
  const bytes = Buffer.from(part);
  if (bytes.length < 16) return bytes;
  const little = bytes[0] === 0x6c;
  const fields = little ? bytes.readUInt32LE(12) : bytes.readUInt32BE(12);
  const body = bytes.length - 16 - Math.ceil(fields / 8) * 8;
  if (body < 0) return bytes;
  if (little) bytes.writeUInt32LE(body, 4);
  else bytes.writeUInt32BE(body, 4);
  return bytes;
}
