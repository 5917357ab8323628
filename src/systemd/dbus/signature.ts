import { BoundedMap } from "../../platform/data/bounded-map.ts";
import { DBusProtocolError } from "./errors.ts";
import { excerpt } from "../../platform/data/escape.ts";
import { maxSignatureBytes, maxTypeDepth } from "./limits.ts";

/** Type code of the specification's "Basic types". */
export type BasicCode = "y" | "b" | "n" | "q" | "i" | "u" | "x" | "t" | "d" | "h" | "s" | "o" | "g";

/** Type code of a basic type, an array, a struct, a dict entry or a variant. */
export type TypeCode = BasicCode | "a" | "(" | "{" | "v";

/** One single complete type. */
export interface Type {
  readonly code: TypeCode;
  /** Its text, such as `a{sv}`. */
  readonly signature: string;
  /** A value starts at a multiple of this number of bytes. */
  readonly alignment: number;
  /** Bytes of a value of a fixed-size basic type; 0 if the size varies. */
  readonly size: number;
  /** Element of an array; members of a struct; key and value of a dict entry. */
  readonly fields: readonly Type[];
}

const noFields: readonly Type[] = [];

function leaf(code: TypeCode, alignment: number, size: number): [string, Type] {
  return [code, { code, signature: code, alignment, size, fields: noFields }];
}

const leaves = new Map<string, Type>([
  leaf("y", 1, 1),
  leaf("b", 4, 4),
  leaf("n", 2, 2),
  leaf("q", 2, 2),
  leaf("i", 4, 4),
  leaf("u", 4, 4),
  leaf("x", 8, 8),
  leaf("t", 8, 8),
  leaf("d", 8, 8),
  leaf("h", 4, 4),
  leaf("s", 4, 0),
  leaf("o", 4, 0),
  leaf("g", 1, 0),
  leaf("v", 1, 0),
]);

/** The leaves by the byte of their code. */
const leavesByByte: (Type | undefined)[] = Array.from({ length: 256 }, (_, byte) =>
  leaves.get(String.fromCharCode(byte)),
);

/** Returns the type of a signature of one byte: a basic type or a variant. */
export function leafType(byte: number): Type | undefined {
  return leavesByByte[byte];
}

/** Parsed signatures. They come from the peer, so the map is bounded. */
const parsed = new BoundedMap<string, readonly Type[]>(256);

/**
 * Returns the single complete types of a signature; none for `""`.
 *
 * Source: D-Bus specification, "Type System" and "Valid Signatures": at most 255 bytes, 32
 * nested arrays and 32 nested structs, no empty struct, a dict entry only as an array's element and
 * with a basic type as its key.
 *
 * @throws DBusProtocolError `malformed`, with the fault and its offset
 */
export function parseSignature(signature: string): readonly Type[] {
  const known = parsed.get(signature);
  if (known !== undefined) return known;
  const types = new SignatureParser(signature).all();
  parsed.set(signature, types);
  return types;
}

/**
 * Returns the type of a signature that must be one single complete type, as a variant's is.
 *
 * @throws DBusProtocolError `malformed`
 */
export function parseSingleType(signature: string): Type {
  const simple = leaves.get(signature);
  if (simple !== undefined) return simple;
  const types = parseSignature(signature);
  const [type] = types;
  if (type === undefined || types.length !== 1) {
    throw new DBusProtocolError(
      "malformed",
      `signature "${excerpt(signature)}" has ${types.length} complete types where one is due`,
    );
  }
  return type;
}

/** Tests whether {@link parseSignature} accepts the text. */
export function isSignature(text: string): boolean {
  try {
    parseSignature(text);
    return true;
  } catch {
    return false;
  }
}

class SignatureParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.length > maxSignatureBytes) {
      throw this.#fail(`${text.length} bytes long, more than ${maxSignatureBytes}`);
    }
  }

  all(): readonly Type[] {
    const types: Type[] = [];
    while (this.#at < this.#text.length) types.push(this.#complete(0, 0));
    return types;
  }

  #complete(arrays: number, structs: number): Type {
    const start = this.#at;
    const code = this.#text[start];
    if (code === undefined) throw this.#fail("it ends where a type is due");
    this.#at += 1;
    const simple = leaves.get(code);
    if (simple !== undefined) return simple;
    if (code === "a") return this.#array(start, arrays + 1, structs);
    if (code === "(") return this.#struct(start, arrays, structs + 1);
    throw this.#fail(code === "{" ? "a dict entry outside an array" : `no type at offset ${start}`);
  }

  #array(start: number, arrays: number, structs: number): Type {
    if (arrays > maxTypeDepth) throw this.#fail(`more than ${maxTypeDepth} arrays deep`);
    const element =
      this.#text[this.#at] === "{"
        ? this.#dictEntry(arrays, structs)
        : this.#complete(arrays, structs);
    return { code: "a", signature: this.#since(start), alignment: 4, size: 0, fields: [element] };
  }

  #struct(start: number, arrays: number, structs: number): Type {
    if (structs > maxTypeDepth) throw this.#fail(`more than ${maxTypeDepth} structs deep`);
    const fields: Type[] = [];
    while (this.#text[this.#at] !== ")") fields.push(this.#complete(arrays, structs));
    if (fields.length === 0) throw this.#fail("an empty struct");
    this.#at += 1;
    return { code: "(", signature: this.#since(start), alignment: 8, size: 0, fields };
  }

  #dictEntry(arrays: number, structs: number): Type {
    const start = this.#at;
    this.#at += 1;
    const key = this.#complete(arrays, structs);
    if (key.code === "v" || key.fields.length > 0) {
      throw this.#fail("a dict entry's key of no basic type");
    }
    const value = this.#complete(arrays, structs);
    if (this.#text[this.#at] !== "}") throw this.#fail("a dict entry of other than two types");
    this.#at += 1;
    const fields = [key, value];
    return { code: "{", signature: this.#since(start), alignment: 8, size: 0, fields };
  }

  #since(start: number): string {
    return this.#text.slice(start, this.#at);
  }

  #fail(why: string): DBusProtocolError {
    return new DBusProtocolError("malformed", `signature "${excerpt(this.#text)}": ${why}`);
  }
}
