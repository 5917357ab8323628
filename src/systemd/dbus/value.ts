/** Value of a basic type, also a map's key. */
export type BasicValue = number | bigint | boolean | string;

/**
 * D-Bus value in JavaScript, for reading and writing:
 *
 * | D-Bus | JavaScript |
 * |---|---|
 * | `y` `n` `q` `i` `u` `d`, `h` (an index) | number |
 * | `x` `t` | bigint |
 * | `b` | boolean |
 * | `s` `o` `g` | string |
 * | `ay` | Uint8Array, a copy |
 * | `a{…}` | Map; of equal keys the last one wins |
 * | other arrays, structs | array |
 * | `v` | {@link Variant} |
 */
export type Value =
  | BasicValue
  | Uint8Array
  | Variant
  | readonly Value[]
  | ReadonlyMap<BasicValue, Value>;

/** Value with its own type. */
export class Variant {
  /** One single complete type. */
  readonly signature: string;
  readonly value: Value;

  constructor(signature: string, value: Value) {
    this.signature = signature;
    this.value = value;
  }
}
