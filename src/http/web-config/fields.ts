import { clipped, quoted } from "../../platform/data/escape.ts";
import { WebConfigError } from "./web-config.ts";

const MAX_SHOWN_LENGTH = 80;
/** Null and booleans of YAML 1.1, in which such files are written. */
const NOTHING = new Set(["", "~", "null", "Null", "NULL"]);
const TRUE = /^(?:true|True|TRUE|yes|Yes|YES|on|On|ON|y|Y)$/;
const FALSE = /^(?:false|False|FALSE|no|No|NO|off|Off|OFF|n|N)$/;

/**
 * Reads the fields of a mapping in a YAML file, all scalars of which are strings. Reports an invalid
 * field as a {@link WebConfigError} with its path: `tls_server_config.min_version`.
 */
export class Fields {
  readonly #path: string;
  readonly #values: ReadonlyMap<string, unknown>;

  /**
   * @param value the parsed mapping; null is a mapping without fields
   * @param path path of the mapping; "" for the whole file
   */
  constructor(value: unknown, path = "") {
    this.#path = path;
    if (value === undefined || value === null || isNothing(value)) {
      this.#values = new Map();
    } else if (isTextMap(value)) {
      this.#values = value;
    } else {
      throw new WebConfigError(`${path === "" ? "the file" : path}: expected a mapping`);
    }
  }

  /** Rejects fields other than `names`. */
  only(names: readonly string[]): this {
    for (const name of this.#values.keys()) {
      if (!names.includes(name)) {
        const known = `expected one of ${names.join(", ")}`;
        throw new WebConfigError(`unknown key ${this.pathOf(name)}: ${known}`);
      }
    }
    return this;
  }

  /** Returns the names of the fields, in their order. */
  names(): readonly string[] {
    return [...this.#values.keys()];
  }

  section(name: string): Fields {
    return new Fields(this.#values.get(name), this.pathOf(name));
  }

  /** Returns a string, or undefined if the field is missing or null. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value === undefined || isNothing(value)) return undefined;
    if (typeof value !== "string") return this.reject(name, "a string");
    return value;
  }

  boolean(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (TRUE.test(text)) return true;
    if (FALSE.test(text)) return false;
    return this.reject(name, "true or false", text);
  }

  list(name: string): readonly string[] | undefined {
    const value = this.#values.get(name);
    if (value === undefined || isNothing(value)) return undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    return this.reject(name, "a list of strings");
  }

  /** Throws an error with what was expected, and with the value `got` unless it is a secret. */
  reject(name: string, expected: string, got?: string): never {
    const end = got === undefined ? "" : `, got ${quoted(clipped(got, MAX_SHOWN_LENGTH))}`;
    throw new WebConfigError(`${this.pathOf(name)}: expected ${expected}${end}`);
  }

  pathOf(name: string): string {
    const shown = quoted(clipped(name, MAX_SHOWN_LENGTH)).slice(1, -1);
    return this.#path === "" ? shown : `${this.#path}.${shown}`;
  }
}

function isNothing(value: unknown): boolean {
  return typeof value === "string" && NOTHING.has(value);
}

function isTextMap(value: unknown): value is ReadonlyMap<string, unknown> {
  return value instanceof Map && [...value.keys()].every((key) => typeof key === "string");
}
