/** A value of a basic type. A map's keys are of these. */
export type BasicValue = number | bigint | boolean | string;

/**
 * A D-Bus value in JavaScript, read and written alike:
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

/** A value that carries its own type. */
export class Variant {
  /** One single complete type. */
  readonly signature: string;
  readonly value: Value;

  constructor(signature: string, value: Value) {
    this.signature = signature;
    this.value = value;
  }
}
