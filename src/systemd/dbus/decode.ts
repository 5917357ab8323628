import { DBusProtocolError } from "./errors.ts";
import { maxBodyValues } from "./limits.ts";
import type { Span } from "./reader.ts";
import { Reader } from "./reader.ts";
import { parseSignature, type Type } from "./signature.ts";
import { type BasicValue, type Value, Variant } from "./value.ts";

/**
 * Decodes values that must fill the span.
 *
 * @param signature types of the values, in order
 * @throws DBusProtocolError `malformed`, or `limit` for more than 262,144 values
 */
export function decodeValues(span: Span, signature: string): Value[] {
  const decoder = new Decoder(new Reader(span));
  const values = parseSignature(signature).map((type) => decoder.value(type));
  if (decoder.reader.more) throw decoder.reader.fail(`bytes after the values of "${signature}"`);
  return values;
}

class Decoder {
  readonly reader: Reader;
  #values = 0;

  constructor(reader: Reader) {
    this.reader = reader;
  }

  value(type: Type): Value {
    this.#values += 1;
    if (this.#values > maxBodyValues) {
      throw new DBusProtocolError("limit", `more than ${maxBodyValues} values in one body`);
    }
    const { code } = type;
    if (code === "v") return this.#variant();
    if (code === "a") return this.#array(type.fields[0]!);
    if (code === "(") return this.#struct(type.fields);
    return this.#basic(type);
  }

  #basic(type: Type): BasicValue {
    const { reader } = this;
    switch (type.code) {
      case "s":
        return reader.string();
      case "o":
        return reader.objectPath();
      case "g":
        return reader.signature();
      case "y":
        return reader.byte();
      case "b":
        return reader.boolean();
      case "n":
        return reader.int16();
      case "q":
        return reader.uint16();
      case "i":
        return reader.int32();
      case "u":
      case "h":
        return reader.uint32();
      case "x":
        return reader.int64();
      case "t":
        return reader.uint64();
      case "d":
        return reader.double();
      case "a":
      case "(":
      case "{":
      case "v":
        throw new TypeError(`${type.signature} is no basic type`);
      default:
        return type.code satisfies never;
    }
  }

  #array(element: Type): Value {
    if (element.code === "y") return this.reader.byteArray();
    if (element.code === "{") return this.#map(element);
    const outer = this.reader.enterArray(element.alignment);
    const values: Value[] = [];
    while (this.reader.more) values.push(this.value(element));
    this.reader.leave(outer);
    return values;
  }

  #map(entry: Type): ReadonlyMap<BasicValue, Value> {
    const { reader } = this;
    const [key, value] = entry.fields;
    const outer = reader.enterArray(entry.alignment);
    const map = new Map<BasicValue, Value>();
    while (reader.more) {
      reader.struct();
      reader.descend();
      const name = this.#basic(key!);
      map.set(name, this.value(value!));
      reader.ascend();
    }
    reader.leave(outer);
    return map;
  }

  #struct(fields: readonly Type[]): readonly Value[] {
    this.reader.struct();
    this.reader.descend();
    const values: Value[] = [];
    for (const field of fields) values.push(this.value(field));
    this.reader.ascend();
    return values;
  }

  #variant(): Variant {
    this.reader.descend();
    const type = this.reader.variantType();
    const value = this.value(type);
    this.reader.ascend();
    return new Variant(type.signature, value);
  }
}
